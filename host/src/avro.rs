//! Avro bytes to columns: framing, schemas, and a decoder that reads only the fields asked for.

"""Reads simulated alerts with fastavro, lsst-alert-packet and astropy; ends with an error if anything is wrong.

usage: simulated.py FOLDER SCHEMA [PACKET...]

FOLDER holds index.json, a list of {survey, file, id, population}, and the packets; SCHEMA is the file of LSST's schema;
each PACKET is a real one of ZTF, whose schema must be the simulated ones'.
Prints what it saw as JSON.
"""

import gzip
import io
import json
import math
import pathlib
import sys
import warnings

import fastavro
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from lsst.alert.packet import Schema, get_schema_path

warnings.simplefilter("error")


def middle(image, radius):
    """Returns the sum of the pixels around the middle, and the number of these pixels."""
    half = image.shape[0] // 2
    part = image[half - radius : half + radius + 1, half - radius : half + radius + 1]
    return float(part.sum(dtype=float)), part.size


def opened(file, name):
    """Returns the parts of a FITS file, after verifying each of them."""
    parts = fits.open(io.BytesIO(file))
    parts.verify("exception")
    for part in parts:
        assert part.data.dtype.kind == "f" and np.isfinite(part.data).all(), f"{name} has pixels that are no numbers"
    return parts


def schema_of(packet):
    """Returns the schema in a container, without documentation."""
    reader = fastavro.reader(io.BytesIO(packet))
    return fastavro.schema.to_parsing_canonical_form(json.loads(reader.metadata["avro.schema"]))


class Lsst:
    """Checks wire packets of v11.1."""

    def __init__(self, schema):
        self.ours = fastavro.schema.parse_schema(json.loads(pathlib.Path(schema).read_text()))
        self.theirs = Schema.from_file(pathlib.Path(get_schema_path(11, 1)) / "lsst.v11_1.alert.avsc")
        self.seen = {"alerts": 0, "previous": 0, "forced": 0, "asteroids": 0, "measured": 0}

    def read(self, packet, entry):
        assert packet[:5] == bytes([0, 0, 0, 4, 77]), "the packet does not begin as LSST's do"
        rest = io.BytesIO(packet[5:])
        alert = fastavro.schemaless_reader(rest, self.ours)
        assert not rest.read(), "bytes are left"
        # The comparison works because no value is NaN, which is not equal to itself: such fields are null.
        assert alert == self.theirs.deserialize(packet[5:]), "LSST's own schema reads something else"
        source = alert["diaSource"]
        assert alert["diaSourceId"] == source["diaSourceId"] == entry["id"]
        asteroid = entry["population"] == "Asteroid"
        assert (alert["ssSource"] is not None) == asteroid and (alert["mpc_orbits"] is not None) == asteroid
        assert (alert["diaObject"] is None) == asteroid
        previous, forced = alert["prvDiaSources"] or [], alert["prvDiaForcedSources"] or []
        assert len(previous) <= 60 and len(forced) <= 100
        self.seen["alerts"] += 1
        self.seen["asteroids"] += asteroid
        self.seen["previous"] = max(self.seen["previous"], len(previous))
        self.seen["forced"] = max(self.seen["forced"], len(forced))
        self.stamps(alert, source, entry)

    def stamps(self, alert, source, entry):
        images = {}
        for name in ("Difference", "Science", "Template"):
            image, variance, psf = opened(alert[f"cutout{name}"], name)
            assert image.data.shape == variance.data.shape == (30, 30) and psf.data.shape == (25, 25)
            assert (variance.data > 0).all() and abs(psf.data.sum() - 1) < 1e-3
            assert image.header["BUNIT"] == "nJy"
            ra, dec = WCS(image.header).all_pix2world(15, 15, 0)
            east = (ra - source["ra"]) * math.cos(math.radians(source["dec"]))
            assert math.hypot(east, dec - source["dec"]) * 3600 < 0.3, "the cutout is of another place"
            images[name] = image.data
        assert np.allclose(images["Science"] - images["Template"], images["Difference"], rtol=1e-4, atol=1e-2)
        if entry["population"] != "Artefact":
            flux, pixels = middle(images["Difference"], 10)
            # A star's flux is measured over fewer pixels than are summed here.
            error = 6 * source["psfFluxErr"] * math.sqrt(pixels / 10)
            assert abs(flux - source["psfFlux"]) < error + 0.02 * abs(flux), f"{flux} is not {source['psfFlux']}"
            self.seen["measured"] += abs(flux) > error


class Ztf:
    """Checks containers of v4.02."""

    def __init__(self, real):
        self.schemas = [schema_of(pathlib.Path(packet).read_bytes()) for packet in real]
        self.seen = {"alerts": 0, "previous": 0, "limits": 0, "forced": 0, "asteroids": 0, "measured": 0}

    def read(self, packet, entry):
        reader = fastavro.reader(io.BytesIO(packet))
        assert reader.writer_schema["version"] == "4.02"
        assert all(schema == schema_of(packet) for schema in self.schemas), "real packets have another schema"
        (alert,) = reader
        assert alert["schemavsn"] == "4.02" and alert["objectId"].startswith("ZTF") and len(alert["objectId"]) == 12
        candidate = alert["candidate"]
        assert alert["candid"] == candidate["candid"] == entry["id"]
        asteroid = entry["population"] == "Asteroid"
        assert (candidate["ssnamenr"] != "null") == asteroid and (candidate["ssdistnr"] >= 0) == asteroid
        empty = [name for name, value in candidate.items() if value is None]
        assert not empty, f"{empty} are null"
        previous = alert["prv_candidates"]
        assert len(previous) == len(alert["fp_hists"])
        assert all(0 < candidate["jd"] - then["jd"] < 30 for then in previous + alert["fp_hists"])
        detections = [then for then in previous if then["candid"] is not None]
        assert all(then["magpsf"] < then["diffmaglim"] + 0.5 for then in detections)
        self.seen["alerts"] += 1
        self.seen["asteroids"] += asteroid
        self.seen["previous"] = max(self.seen["previous"], len(detections))
        self.seen["limits"] = max(self.seen["limits"], len(previous) - len(detections))
        self.seen["forced"] = max(self.seen["forced"], len(alert["fp_hists"]))
        self.stamps(alert, candidate, entry)

    def stamps(self, alert, candidate, entry):
        images = {}
        for name in ("Difference", "Science", "Template"):
            cutout = alert[f"cutout{name}"]
            assert str(alert["candid"]) in cutout["fileName"] and cutout["fileName"].endswith(".fits.gz")
            assert len(cutout["stampData"]) < 20160 * 0.9, "it is hardly compressed"
            (image,) = opened(gzip.decompress(cutout["stampData"]), name)
            assert image.data.shape == (63, 63)
            images[name] = image.data
        if entry["population"] != "Artefact":
            flux, pixels = middle(images["Difference"], 6)
            expected = 10 ** (0.4 * (candidate["magzpsci"] - candidate["magpsf"]))
            expected = expected if candidate["isdiffpos"] == "t" else -expected
            error = 6 * abs(expected) / candidate["scorr"] * math.sqrt(pixels / 9)
            assert abs(flux - expected) < error + 0.02 * abs(flux), f"{flux} is not {expected}"
            self.seen["measured"] += abs(flux) > error


def main(folder, schema, *real):
    folder = pathlib.Path(folder)
    surveys = {"lsst": Lsst(schema), "ztf": Ztf(real)}
    for entry in json.loads((folder / "index.json").read_text()):
        try:
            surveys[entry["survey"]].read((folder / entry["file"]).read_bytes(), entry)
        except Exception as error:
            raise SystemExit(f"{entry}: {type(error).__name__}: {error}") from error
    json.dump({name: survey.seen for name, survey in surveys.items()}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

//! Write a Skysieve filter: a struct of the fields and a function of one alert.

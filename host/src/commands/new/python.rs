//! A project for a filter in Python.

/// The package with which a filter in Python can be tested.
const PACKAGE: [(&str, &str); 4] = [
    ("skysieve/__init__.py", include_str!("../../../../guest-sdk/python/src/skysieve/__init__.py")),
    ("skysieve/_filter.py", include_str!("../../../../guest-sdk/python/src/skysieve/_filter.py")),
    ("skysieve/_path.py", include_str!("../../../../guest-sdk/python/src/skysieve/_path.py")),
    ("skysieve/py.typed", include_str!("../../../../guest-sdk/python/src/skysieve/py.typed")),
];

/// The source of a filter, its tests, and one of its parameters.
pub struct Template {
    source: &'static str,
    test: &'static str,
    parameter: &'static str,
}

/// For LSST's alerts.
pub const LSST: Template = Template {
    source: include_str!("../template/python/lsst.py"),
    test: include_str!("../template/python/lsst_test.py"),
    parameter: "magnitude = 21.0",
};

/// For ZTF's alerts.
pub const ZTF: Template = Template {
    source: include_str!("../template/python/ztf.py"),
    test: include_str!("../template/python/ztf_test.py"),
    parameter: "magnitude = 18.0",
};

/// The name of the project's module: Python's names have no hyphens.
pub fn module(name: &str) -> String {
    name.replace('-', "_")
}

/// The project's files: their paths relative to its folder, and their texts.
pub fn files(name: &str, template: &Template) -> Vec<(String, String)> {
    let module = module(name);
    let parameter = template.parameter;
    let fill = |text: &str| text.replace("{module}", &module);
    let readme = include_str!("../template/python/README.md.in").replace("{parameter}", &parameter.replace(" = ", "="));
    let settings = include_str!("../template/python/settings.toml.in").replace("{parameter}", parameter);
    let own = [
        (format!("{module}.py"), template.source.to_owned()),
        (format!("test_{module}.py"), fill(template.test)),
        (format!("{module}.toml"), fill(&settings)),
        ("README.md".to_owned(), fill(&readme)),
    ];
    own.into_iter().chain(PACKAGE.map(|(path, text)| (path.to_owned(), text.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_package_is_carried() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/python/src/skysieve");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().display().to_string());
        let mut there: Vec<String> =
            names.filter(|name| !name.starts_with("__pycache__")).map(|name| format!("skysieve/{name}")).collect();
        there.sort();
        assert_eq!(there, PACKAGE.map(|(path, _)| path));
    }
}

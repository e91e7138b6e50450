//! How much memory there is for this process: the machine's, or less if its control groups say so.

use std::fs::read_to_string;
use std::path::Path;

/// The memory that this process can have, in bytes. `None` if the system does not tell.
pub fn memory() -> Option<u64> {
    memory_under(Path::new("/"))
}

fn memory_under(root: &Path) -> Option<u64> {
    let read = |path: &str| read_to_string(root.join(path)).unwrap_or_default();
    let groups = read("proc/self/cgroup");
    let limits = groups.lines().filter_map(group).flat_map(|(mount, file, group)| {
        // Each group is within the limits of those above it. In a container, the path may be that of the machine, while
        // the group's files are at the top.
        Path::new(group).ancestors().map(move |path| {
            let path = path.to_string_lossy();
            format!("{mount}/{}/{file}", path.trim_matches('/'))
        })
    });
    let limits: Vec<u64> = limits.filter_map(|path| read(&path).trim().parse().ok()).collect();
    limits.into_iter().chain(total(&read("proc/meminfo"))).min()
}

/// The place of a line of `/proc/self/cgroup`, if it is of a hierarchy that limits memory: where that is mounted, the name
/// of the limit's file, and the group. See cgroups(7).
fn group(line: &str) -> Option<(&'static str, &'static str, &str)> {
    let mut parts = line.splitn(3, ':');
    let (number, controllers, group) = (parts.next()?, parts.next()?, parts.next()?);
    if number == "0" && controllers.is_empty() {
        return Some(("sys/fs/cgroup", "memory.max", group));
    }
    controllers.split(',').any(|name| name == "memory").then_some((
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        group,
    ))
}

/// The memory of the machine, from `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory_of(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        memory_under(root.path())
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:  1 kB\n");

    #[test]
    fn the_machine_has_the_memory_unless_a_group_has_less() {
        assert_eq!(memory_of(&[MEMINFO]), Some(16_000_000 << 10));
        let second = ("proc/self/cgroup", "0::/host.slice/skysieve.service\n");
        let max = |path, text| memory_of(&[MEMINFO, second, (path, text)]);
        assert_eq!(max("sys/fs/cgroup/host.slice/skysieve.service/memory.max", "1073741824\n"), Some(1 << 30));
        assert_eq!(max("sys/fs/cgroup/host.slice/memory.max", "2147483648\n"), Some(2 << 30));
        assert_eq!(max("sys/fs/cgroup/memory.max", "536870912\n"), Some(512 << 20));
        assert_eq!(max("sys/fs/cgroup/memory.max", "max\n"), Some(16_000_000 << 10));
    }

    #[test]
    fn the_first_version_of_control_groups_limits_as_well() {
        let first = ("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/1234\n0::/\n");
        let limit = |path, text| memory_of(&[MEMINFO, first, (path, text)]);
        assert_eq!(limit("sys/fs/cgroup/memory/docker/1234/memory.limit_in_bytes", "1073741824"), Some(1 << 30));
        assert_eq!(limit("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824"), Some(1 << 30));
        assert_eq!(limit("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"), Some(16_000_000 << 10));
        assert_eq!(memory_of(&[]), None);
    }
}

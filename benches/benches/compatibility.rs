//! Runs criterion over the parsing and matching of compatibility strings.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use keyway_benches::areas::compatibility::{RANGES, Setup};
use keyway_core::Compatibility;
use semver::VersionReq;

fn compatibility(criterion: &mut Criterion) {
    for range in RANGES {
        let setup = Setup::new(range).expect("a range that both sides read");
        let mut group = criterion.benchmark_group(range.name);
        group.bench_function("parse", |bencher| bencher.iter(|| Compatibility::parse(black_box(range.ours))));
        group.bench_function("parse, semver", |bencher| {
            bencher.iter(|| VersionReq::parse(black_box(range.peer)));
        });
        group.bench_function("match", |bencher| bencher.iter(|| setup.matches()));
        group.bench_function("match, semver", |bencher| bencher.iter(|| setup.peer_matches()));
    }
}

criterion_group!(benches, compatibility);
criterion_main!(benches);

//! Runs criterion over collecting and looking up a hundred plugins.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use keyway_benches::areas::registry::{IDS, collect};
use keyway_credentials::CredentialStores;

fn registry(criterion: &mut Criterion) {
    let registry = collect().expect("plugins in order");
    criterion.bench_function("collect and check", |bencher| bencher.iter(collect));
    criterion.bench_function("look up the middle one", |bencher| {
        bencher.iter(|| registry.get::<CredentialStores>(black_box(IDS[50])).is_ok());
    });
}

criterion_group!(benches, registry);
criterion_main!(benches);

//! Runs criterion over the sealing and opening of Fernet tokens.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keyway_benches::areas::seal::Setup;

fn seal(criterion: &mut Criterion) {
    for size in [64_usize, 4 << 10, 1 << 20] {
        let Setup { ring, fernet, plaintext, token } = Setup::new(size).expect("keys and a token");
        let mut group = criterion.benchmark_group(format!("{size} B"));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function("seal", |bencher| bencher.iter(|| ring.seal(&plaintext)));
        group.bench_function("seal, fernet", |bencher| bencher.iter(|| fernet.0.encrypt(&plaintext)));
        group.bench_function("open", |bencher| bencher.iter(|| ring.open(token.as_bytes())));
        group.bench_function("open, fernet", |bencher| bencher.iter(|| fernet.0.decrypt(&token)));
    }
}

criterion_group!(benches, seal);
criterion_main!(benches);

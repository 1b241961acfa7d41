//! The provider in memory keeps the contract that it is used to test others against.

use fixtures::memory::MemoryProvider;

#[tokio::test]
async fn the_provider_in_memory_conforms() {
    let provider = MemoryProvider::new("example", 200);
    provider.put("foreign.example", "10.0.0.1");
    fixtures::conformance::check(&provider).await;
}

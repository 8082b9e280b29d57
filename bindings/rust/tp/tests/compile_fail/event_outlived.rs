// error: E0597
// What is awaited lives as long as the future.
pub fn wrong(pool: &tp::Pool) {
    let wait = {
        let event = tp::Event::manual().unwrap();
        pool.wait_async(&event, None).unwrap()
    };
    tp::block_on(wait);
}

package tp

import (
	"testing"

	"tp/internal/ctest"
)

// A callback from Go, from submit to the end of the wait: batches of 1000 posts, and one at a time.
func benchmarkMany(b *testing.B, env Env) {
	w, err := NewWork(&env, func(*Instance) {})
	must(b, err)
	defer w.Close()
	b.ResetTimer()
	for left := b.N; left > 0; left -= 1000 {
		n := left
		if n > 1000 {
			n = 1000
		}
		must(b, w.SubmitMany(uint32(n)))
		must(b, w.Wait(background))
	}
}

func benchmarkSingle(b *testing.B, env Env) {
	w, err := NewWork(&env, func(*Instance) {})
	must(b, err)
	defer w.Close()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		must(b, w.Submit())
		must(b, w.Wait(background))
	}
}

func benchmark(b *testing.B, run func(*testing.B, Env)) {
	inline, err := NewQueue(QueueOptions{Inline: true})
	must(b, err)
	b.Run("direct", func(b *testing.B) { run(b, Env{Delivery: Direct}) })
	b.Run("batched", func(b *testing.B) { run(b, Env{}) })
	b.Run("inline", func(b *testing.B) { run(b, Env{Queue: inline}) })
}

func benchmarkC(b *testing.B, many int) {
	if ctest.Loop((b.N+many-1)/many, many) < 0 {
		b.Error("it failed")
	}
}

func BenchmarkMany(b *testing.B) {
	b.Run("C", func(b *testing.B) { benchmarkC(b, 1000) })
	benchmark(b, benchmarkMany)
}

func BenchmarkSingle(b *testing.B) {
	b.Run("C", func(b *testing.B) { benchmarkC(b, 1) })
	benchmark(b, benchmarkSingle)
}

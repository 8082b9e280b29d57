// copy copies a file, four blocks at a time, and prints checksums of the two.
package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"os"
	"sync"

	"tp"
)

const block, slots = 65536, 4

// slot reads a part of its block, writes it, and so on, block after block. Its number is its key.
type slot struct {
	buffer      *tp.Buffer
	offset, end int64  // what is left of the block
	have        uint64 // bytes read and not written
}

var (
	from, to *tp.Io
	mu       sync.Mutex // of all that follows
	all      [slots]slot
	next     int64 // the next block
	written  uint64
	running  sync.WaitGroup // slots that have not come to the end of the file
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func (s *slot) read(key uint64) {
	if s.offset == s.end {
		s.offset, s.end = next, next+block
		next += block
	}
	check(from.Submit(tp.Op{Opcode: tp.Read, Key: key, Buffer: s.buffer,
		Length: uint64(s.end - s.offset), Offset: s.offset}))
}

func (s *slot) write(key uint64) {
	check(to.Submit(tp.Op{Opcode: tp.Write, Key: key, Buffer: s.buffer,
		Length: s.have, Offset: s.offset}))
}

func wasRead(_ *tp.Instance, done tp.Completion) {
	check(done.Err)
	mu.Lock()
	defer mu.Unlock()
	if done.N == 0 { // the end of the file
		running.Done()
		return
	}
	s := &all[done.Key]
	s.have = done.N
	s.write(done.Key)
}

func wasWritten(_ *tp.Instance, done tp.Completion) {
	check(done.Err)
	mu.Lock()
	defer mu.Unlock()
	s := &all[done.Key]
	written += done.N
	s.offset += int64(done.N)
	copy(s.buffer.Bytes(), s.buffer.Bytes()[done.N:s.have])
	s.have -= done.N
	if s.have > 0 {
		s.write(done.Key)
	} else {
		s.read(done.Key)
	}
}

// open opens a file and binds it: libtp keeps a descriptor of its own.
func open(name string, flags int, f func(*tp.Instance, tp.Completion)) *tp.Io {
	file, err := os.OpenFile(name, flags, 0o644)
	check(err)
	defer file.Close()
	bound, err := tp.NewIo(int(file.Fd()), nil, f)
	check(err)
	return bound
}

func checksum(name string) uint64 {
	file, err := os.Open(name)
	check(err)
	defer file.Close()
	hash := fnv.New64a()
	_, err = io.Copy(hash, file)
	check(err)
	return hash.Sum64()
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: copy FROM TO")
	}
	from = open(os.Args[1], os.O_RDONLY, wasRead)
	to = open(os.Args[2], os.O_WRONLY|os.O_CREATE|os.O_TRUNC, wasWritten)
	running.Add(slots)
	mu.Lock()
	for key := range all {
		var err error
		all[key].buffer, err = tp.NewBuffer(block)
		check(err)
		all[key].read(uint64(key))
	}
	mu.Unlock()
	running.Wait()
	check(from.Close())
	check(to.Close())
	for key := range all {
		all[key].buffer.Free()
	}
	fmt.Println(written, "bytes")
	fmt.Printf("checksum of the one   %016x\n", checksum(os.Args[1]))
	fmt.Printf("checksum of the other %016x\n", checksum(os.Args[2]))
}

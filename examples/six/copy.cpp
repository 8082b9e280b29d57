/* copy.cpp - copies a file, four blocks of it in flight: copy FROM TO */
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <unistd.h>

#include <tp/tp.hpp>

constexpr uint64_t block_size = 65536;

/* A block on its way. Its address is the key of its operation: it has one at a time. */
struct slot {
    int64_t offset = 0;        /* of the block in the file */
    uint64_t end = 0, pos = 0; /* bytes of it that were read; of these, written */
    char buffer[block_size];
};

class copier
{
  public:
    copier(int in, int out)
        : from_(in, [this](tp::io_result result) { step(result, &copier::was_read); }),
          to_(out, [this](tp::io_result result) { step(result, &copier::was_written); })
    {
    }

    /** Returns how many bytes were written. Throws std::system_error. */
    uint64_t run()
    {
        for (slot &slot : slots_)
            start_next_block(slot);
        for (size_t i = 0; i < std::size(slots_); i++)
            finished_.acquire();
        from_.wait(); /* which throws what a callback has thrown */
        to_.wait();
        if (failure_ != 0)
            throw std::system_error(failure_, std::generic_category(), "copy");
        return written_;
    }

  private:
    void read(slot &slot)
    {
        from_.submit(tp::io_op::read(&slot, slot.buffer + slot.pos, block_size - slot.pos,
                                     slot.offset + static_cast<int64_t>(slot.pos)));
    }

    void write(slot &slot)
    {
        to_.submit(tp::io_op::write(&slot, slot.buffer + slot.pos, slot.end - slot.pos,
                                    slot.offset + static_cast<int64_t>(slot.pos)));
    }

    void start_next_block(slot &slot)
    {
        slot.offset = next_.fetch_add(block_size);
        slot.pos = slot.end = 0;
        read(slot);
    }

    /* Ends the slot's way, or has it go on; if that throws, nobody is to wait for it either. */
    void step(const tp::io_result &result, void (copier::*go_on)(slot &, uint64_t))
    {
        if (result.error != 0)
            failure_ = result.error;
        if (result.error != 0 || result.bytes == 0) { /* 0: the end of the file */
            finished_.release();
            return;
        }
        try {
            (this->*go_on)(*static_cast<slot *>(result.operation), result.bytes);
        } catch (...) {
            finished_.release();
            throw;
        }
    }

    void was_read(slot &slot, uint64_t bytes)
    {
        slot.end += bytes;
        write(slot);
    }

    void was_written(slot &slot, uint64_t bytes)
    {
        written_ += bytes;
        slot.pos += bytes;
        if (slot.pos < slot.end) /* transfers may be short */
            write(slot);
        else if (slot.end < block_size)
            read(slot);
        else
            start_next_block(slot);
    }

    slot slots_[4];
    tp::semaphore finished_{0, 4}; /* slots that have no more to do */
    std::atomic<int64_t> next_{0}; /* where the first block begins that is nobody's */
    std::atomic<uint64_t> written_{0};
    std::atomic<int> failure_{0}; /* an errno */
    tp::io from_, to_;            /* last: they end first, and wait for what is in flight */
};

/* FNV-1a, to see that both files are the same. */
static uint64_t checksum(const char *path)
{
    std::ifstream file(path, std::ios::binary);
    uint64_t hash = 0xcbf29ce484222325;
    for (std::istreambuf_iterator<char> byte(file), end; byte != end; ++byte)
        hash = (hash ^ static_cast<unsigned char>(*byte)) * 0x100000001b3;
    return hash;
}

int main(int argc, char **argv)
{
    int in = argc == 3 ? open(argv[1], O_RDONLY) : -1;
    int out = in >= 0 ? open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (out < 0) {
        std::fprintf(stderr, "usage: copy FROM TO, and both must be files\n");
        return 1;
    }
    try {
        std::printf("%" PRIu64 " bytes\n", std::make_unique<copier>(in, out)->run());
    } catch (const std::system_error &failed) {
        std::fprintf(stderr, "%s\n", failed.what());
        return 1;
    }
    close(in);
    if (close(out) != 0) {
        std::perror(argv[2]);
        return 1;
    }
    std::printf("checksum of the one   %016" PRIx64 "\n", checksum(argv[1]));
    std::printf("checksum of the other %016" PRIx64 "\n", checksum(argv[2]));
}

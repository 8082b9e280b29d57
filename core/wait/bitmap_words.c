/* bitmap_words.c - the sets of bitmap.h on plain words: chunks, where a member is or has been. */
#include "core/wait/bitmap.h"

#include <string.h>

#include "core/os/os.h"

/* A chunk has as many numbers as a slab has slots: whoever fills slabs fills chunks. It stays until
 * the set is cleared: numbers are used again, and so nothing has to happen when one is removed. */
#define CHUNK_BITS 10u
#define CHUNK_WORDS ((1u << CHUNK_BITS) / 64u)
#define ROOM_MIN 4u

struct chunk {
    uint64_t words[CHUNK_WORDS];
};

struct entry {
    struct chunk *chunk;
    uint32_t key; /* of its numbers, what is above CHUNK_BITS */
};

/* The body of a set. */
struct index {
    uint32_t count, room;
    struct entry entries[]; /* ascending */
};

static size_t index_size(uint32_t room)
{
    return sizeof(struct index) + room * sizeof(struct entry);
}

/* The first entry whose key is not below this one. Keys ascend, so entry n has at least key n, and
 * that very key where nothing is missing before it. */
static uint32_t place_of(const struct index *index, uint32_t key)
{
    uint32_t low = 0, high = key;
    if (key >= index->count)
        high = index->count;
    else if (index->entries[key].key == key)
        return key;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (index->entries[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL if the set has none for this number, which may be too large. */
static struct chunk *chunk_of(const struct tpi_bitmap *set, uint32_t number)
{
    const struct index *index = set->body;
    uint32_t key = number >> CHUNK_BITS;
    if (index == NULL)
        return NULL;
    uint32_t place = place_of(index, key);
    bool found = place < index->count && index->entries[place].key == key;
    return found ? index->entries[place].chunk : NULL;
}

static uint64_t *word_of(struct chunk *chunk, uint32_t number)
{
    return &chunk->words[number / 64 % CHUNK_WORDS];
}

static uint64_t bit_of(uint32_t number)
{
    return UINT64_C(1) << number % 64;
}

/* Makes room for one entry more; false when memory is out. */
static bool extend(struct tpi_bitmap *set)
{
    struct index *old = set->body;
    uint32_t room = ROOM_MIN;
    if (old != NULL && old->count < old->room)
        return true;
    if (old != NULL)
        room = 2 * old->room;
    struct index *larger = tpp_alloc(index_size(room), _Alignof(struct index));
    if (larger == NULL)
        return false;
    larger->count = 0;
    larger->room = room;
    if (old != NULL) {
        larger->count = old->count;
        memcpy(larger->entries, old->entries, old->count * sizeof *old->entries);
        tpp_free(old, index_size(old->room));
    }
    set->body = larger;
    return true;
}

static struct chunk *make_chunk(struct tpi_bitmap *set, uint32_t number)
{
    struct chunk *chunk = tpp_alloc(sizeof *chunk, _Alignof(struct chunk));
    if (chunk == NULL)
        return NULL;
    if (!extend(set)) {
        tpp_free(chunk, sizeof *chunk);
        return NULL;
    }
    memset(chunk, 0, sizeof *chunk);
    struct index *index = set->body;
    uint32_t key = number >> CHUNK_BITS, place = place_of(index, key);
    struct entry *entry = &index->entries[place];
    memmove(entry + 1, entry, (index->count - place) * sizeof *entry);
    *entry = (struct entry){chunk, key};
    index->count++;
    return chunk;
}

bool tpi_bitmap_add(struct tpi_bitmap *set, uint32_t number)
{
    if (number >= TPI_BITMAP_END)
        return false;
    struct chunk *chunk = chunk_of(set, number);
    if (chunk == NULL)
        chunk = make_chunk(set, number);
    if (chunk == NULL)
        return false;
    uint64_t *word = word_of(chunk, number);
    set->count += (*word & bit_of(number)) == 0;
    *word |= bit_of(number);
    return true;
}

void tpi_bitmap_remove(struct tpi_bitmap *set, uint32_t number)
{
    struct chunk *chunk = chunk_of(set, number);
    if (chunk == NULL)
        return;
    uint64_t *word = word_of(chunk, number);
    set->count -= (*word & bit_of(number)) != 0;
    *word &= ~bit_of(number);
}

bool tpi_bitmap_has(const struct tpi_bitmap *set, uint32_t number)
{
    struct chunk *chunk = chunk_of(set, number);
    return chunk != NULL && (*word_of(chunk, number) & bit_of(number)) != 0;
}

/* The members of one chunk that are not below `from`, a number of this chunk. */
static uint32_t read_chunk(const struct chunk *chunk, uint32_t from, uint32_t *numbers,
                           uint32_t capacity)
{
    uint32_t count = 0, word = from / 64 % CHUNK_WORDS, first = from & ~UINT32_C(63);
    uint64_t bits = chunk->words[word] & UINT64_MAX << from % 64;
    for (;;) {
        for (; bits != 0 && count < capacity; bits &= bits - 1)
            numbers[count++] = first + (uint32_t)__builtin_ctzll(bits);
        if (++word == CHUNK_WORDS || count == capacity)
            return count;
        bits = chunk->words[word];
        first += 64;
    }
}

uint32_t tpi_bitmap_read(const struct tpi_bitmap *set, uint32_t from, uint32_t *numbers,
                         uint32_t capacity)
{
    const struct index *index = set->body;
    uint32_t count = 0;
    if (set->count == 0)
        return 0;
    uint32_t place = place_of(index, from >> CHUNK_BITS);
    for (; place < index->count && count < capacity; place++) {
        const struct entry *entry = &index->entries[place];
        uint32_t first = entry->key << CHUNK_BITS;
        count += read_chunk(entry->chunk, from > first ? from : first, numbers + count,
                            capacity - count);
    }
    return count;
}

void tpi_bitmap_clear(struct tpi_bitmap *set)
{
    struct index *index = set->body;
    if (index != NULL) {
        for (uint32_t i = 0; i < index->count; i++)
            tpp_free(index->entries[i].chunk, sizeof *index->entries[i].chunk);
        tpp_free(index, index_size(index->room));
    }
    *set = (struct tpi_bitmap){0};
}

size_t tpi_bitmap_bytes(const struct tpi_bitmap *set)
{
    const struct index *index = set->body;
    if (index == NULL)
        return 0;
    return index_size(index->room) + index->count * sizeof(struct chunk);
}

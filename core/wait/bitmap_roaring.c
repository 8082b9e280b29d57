/* bitmap_roaring.c - the sets of bitmap.h on CRoaring 0.2, which must never find memory out. */
#include "core/wait/bitmap.h"

#include <roaring/roaring.h>
#include <string.h>

/* CRoaring keeps one container for all members with the same upper 16 bits. One with at most 4096
 * members is a sorted array; a larger one would become a map of bits, and an array again, newly
 * allocated, when members leave. So a number gives its value only 12 of the lower 16 bits: then no
 * container ever has more members, and all stay arrays. Removing from an array moves what lies
 * behind, and the last one frees the container: no memory is taken.
 *
 * Where adding takes memory and there is none, CRoaring ends the process or writes to NULL, and
 * there is no hook. Therefore all memory is taken here beforehand, through those of its functions
 * that return NULL or false when it is out; what is made is the larger container or directory
 * itself, put in the place of the old one. roaring_bitmap_add then finds room and takes none. To
 * allocate a block large enough and free it again, so that there be memory, would be shorter; but
 * another thread could come first, and malloc need not find for several blocks what it found for
 * one. */
#define LOW_BITS 12u
#define LOW_MASK ((UINT32_C(1) << LOW_BITS) - 1)
#define ROOM_MIN 4
#define MEMBERS_MIN 8

/* The container is known to be an array. */
_Static_assert(DEFAULT_MAX_SIZE >= 1 << LOW_BITS, "more members than an array may have");
_Static_assert(TPI_BITMAP_END >> LOW_BITS <= MAX_CONTAINERS, "more containers than a set may have");

static uint32_t value_of(uint32_t number)
{
    return (number & ~LOW_MASK) << (16 - LOW_BITS) | (number & LOW_MASK);
}

static uint32_t number_of(uint32_t value)
{
    return value >> 16 << LOW_BITS | (value & LOW_MASK);
}

/* Makes room in the directory for one container more. */
static bool extend(roaring_array_t *directory)
{
    roaring_array_t larger;
    int32_t size = directory->size, room = size < ROOM_MIN ? ROOM_MIN : 2 * size;
    if (size < directory->allocation_size)
        return true;
    if (!ra_init_with_capacity(&larger, (uint32_t)room))
        return false;
    if (size > 0) { /* else there is nothing to copy from */
        memcpy(larger.containers, directory->containers, (size_t)size * sizeof *larger.containers);
        memcpy(larger.keys, directory->keys, (size_t)size * sizeof *larger.keys);
        memcpy(larger.typecodes, directory->typecodes, (size_t)size * sizeof *larger.typecodes);
    }
    larger.size = size;
    ra_clear_without_containers(directory);
    *directory = larger;
    return true;
}

/* Puts in an empty container; its first member has to come at once, CRoaring expects none empty. */
static bool insert(roaring_array_t *directory, int32_t place, uint16_t key)
{
    array_container_t *container;
    if (!extend(directory))
        return false;
    container = array_container_create_given_capacity(MEMBERS_MIN);
    if (container == NULL)
        return false;
    ra_insert_new_key_value_at(directory, place, key, container, ARRAY_CONTAINER_TYPE_CODE);
    return true;
}

/* Puts a container with room for more in the place of one that is full. */
static bool enlarge(roaring_array_t *directory, int32_t place)
{
    array_container_t *old = directory->containers[place], *larger;
    larger = array_container_create_given_capacity(2 * old->capacity);
    if (larger == NULL)
        return false;
    array_container_copy(old, larger);
    array_container_free(old);
    ra_set_container_at_index(directory, place, larger, ARRAY_CONTAINER_TYPE_CODE);
    return true;
}

/* Sees to it that adding this value takes no memory. */
static bool make_room(roaring_bitmap_t *body, uint32_t value)
{
    roaring_array_t *directory = &body->high_low_container;
    uint16_t key = (uint16_t)(value >> 16);
    int32_t place = ra_get_index(directory, key);
    if (place < 0)
        return insert(directory, -place - 1, key);
    return !array_container_full(directory->containers[place]) ||
           roaring_bitmap_contains(body, value) || enlarge(directory, place);
}

bool tpi_bitmap_add(struct tpi_bitmap *set, uint32_t number)
{
    if (number >= TPI_BITMAP_END)
        return false;
    roaring_bitmap_t *body = set->body == NULL ? roaring_bitmap_create() : set->body;
    if (body == NULL)
        return false;
    if (!make_room(body, value_of(number))) {
        if (set->body == NULL)
            roaring_bitmap_free(body);
        return false;
    }
    set->body = body;
    set->count += roaring_bitmap_add_checked(body, value_of(number));
    return true;
}

void tpi_bitmap_remove(struct tpi_bitmap *set, uint32_t number)
{
    if (set->body != NULL && number < TPI_BITMAP_END)
        set->count -= roaring_bitmap_remove_checked(set->body, value_of(number));
}

bool tpi_bitmap_has(const struct tpi_bitmap *set, uint32_t number)
{
    return set->body != NULL && number < TPI_BITMAP_END &&
           roaring_bitmap_contains(set->body, value_of(number));
}

uint32_t tpi_bitmap_read(const struct tpi_bitmap *set, uint32_t from, uint32_t *numbers,
                         uint32_t capacity)
{
    roaring_uint32_iterator_t iterator; /* the functions that return one allocate it */
    if (set->count == 0 || from >= TPI_BITMAP_END)
        return 0;
    roaring_init_iterator(set->body, &iterator);
    (void)roaring_move_uint32_iterator_equalorlarger(&iterator, value_of(from));
    uint32_t count = roaring_read_uint32_iterator(&iterator, numbers, capacity);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = number_of(numbers[i]);
    return count;
}

void tpi_bitmap_clear(struct tpi_bitmap *set)
{
    if (set->body != NULL)
        roaring_bitmap_free(set->body);
    *set = (struct tpi_bitmap){0};
}

size_t tpi_bitmap_bytes(const struct tpi_bitmap *set)
{
    const roaring_bitmap_t *body = set->body;
    if (body == NULL)
        return 0;
    const roaring_array_t *directory = &body->high_low_container;
    size_t entry =
        sizeof *directory->containers + sizeof *directory->keys + sizeof *directory->typecodes;
    size_t bytes = sizeof *body + (size_t)directory->allocation_size * entry;
    for (int32_t i = 0; i < directory->size; i++) {
        const array_container_t *container = directory->containers[i];
        bytes += sizeof *container + (size_t)container->capacity * sizeof *container->array;
    }
    return bytes;
}

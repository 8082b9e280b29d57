/* list.h - an intrusive, circular, doubly linked list. No lock, no allocation, no failure.
 *
 * A head is a link that points to itself when empty. Whoever owns the list says under which lock
 * it is touched. */
#ifndef TPI_BASE_LIST_H
#define TPI_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct tpi_link {
    struct tpi_link *next, *prev;
};

/* The structure of type `type` whose member `member` is the link `link`. */
#define tpi_container(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void tpi_list_init(struct tpi_link *head)
{
    head->next = head->prev = head;
}

static inline bool tpi_list_empty(const struct tpi_link *head)
{
    return head->next == head;
}

static inline void tpi_list_insert_before(struct tpi_link *position, struct tpi_link *link)
{
    link->next = position;
    link->prev = position->prev;
    position->prev->next = link;
    position->prev = link;
}

static inline void tpi_list_push_back(struct tpi_link *head, struct tpi_link *link)
{
    tpi_list_insert_before(head, link);
}

static inline void tpi_list_push_front(struct tpi_link *head, struct tpi_link *link)
{
    tpi_list_insert_before(head->next, link);
}

static inline void tpi_list_remove(struct tpi_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

/* Moves everything in `from` to the end of `to`. */
static inline void tpi_list_splice_back(struct tpi_link *to, struct tpi_link *from)
{
    if (tpi_list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    tpi_list_init(from);
}

#endif

/* heap.c - the heap of the process, and pages. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capi/win32/base.h"
#include "tp/win32/memory.h"

/* In front of each block. All blocks stand in chains by their address, so that any address can be
 * judged without looking behind it. */
struct block {
    struct block *next;
    size_t bytes;
};

#define CHAINS 8192u
#define LOCKS 64u

struct region {
    struct region *next;
    char *address;
    size_t bytes;
};

static pthread_mutex_t locks[LOCKS] = {[0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER};
static struct block *chains[CHAINS]; /* each under the lock of its number */

static pthread_mutex_t region_lock = PTHREAD_MUTEX_INITIALIZER;
static struct region *regions;

HANDLE WINAPI GetProcessHeap(void)
{
    return chains;
}

static uint32_t number_of(const void *address)
{
    return (uint32_t)(((uint64_t)(uintptr_t)address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 51);
}

static pthread_mutex_t *lock_of(uint32_t number)
{
    return &locks[number % LOCKS];
}

/* The link to the block at the address, which holds NULL if there is none. Lock held. */
static struct block **find(uint32_t number, LPCVOID address)
{
    struct block **link = &chains[number];
    while (*link && *link + 1 != address)
        link = &(*link)->next;
    return link;
}

LPVOID WINAPI HeapAlloc(HANDLE heap, DWORD flags, SIZE_T bytes)
{
    struct block *block = NULL;
    if (heap == GetProcessHeap() && bytes <= SIZE_MAX - sizeof *block)
        block = (flags & HEAP_ZERO_MEMORY) != 0 ? calloc(1, sizeof *block + bytes)
                                                : malloc(sizeof *block + bytes);
    if (!block)
        return NULL;
    uint32_t number = number_of(block + 1);
    block->bytes = bytes;
    pthread_mutex_lock(lock_of(number));
    block->next = chains[number];
    chains[number] = block;
    pthread_mutex_unlock(lock_of(number));
    return block + 1;
}

LPVOID WINAPI HeapReAlloc(HANDLE heap, DWORD flags, LPVOID address, SIZE_T bytes)
{
    SIZE_T before = HeapSize(heap, 0, address);
    if (before == (SIZE_T)-1)
        return NULL;
    if ((flags & HEAP_REALLOC_IN_PLACE_ONLY) != 0) {
        if (bytes > before)
            return NULL;
        ((struct block *)address - 1)->bytes = bytes;
        return address;
    }
    LPVOID moved = HeapAlloc(heap, flags, bytes);
    if (!moved)
        return NULL;
    memcpy(moved, address, before < bytes ? before : bytes);
    HeapFree(heap, 0, address);
    return moved;
}

BOOL WINAPI HeapFree(HANDLE heap, DWORD flags, LPVOID address)
{
    uint32_t number = number_of(address);
    UNREFERENCED_PARAMETER(flags);
    if (!address)
        return TRUE;
    if (heap != GetProcessHeap())
        return tpw_fail(ERROR_INVALID_HANDLE);
    pthread_mutex_lock(lock_of(number));
    struct block **link = find(number, address);
    struct block *block = *link;
    if (block)
        *link = block->next;
    pthread_mutex_unlock(lock_of(number));
    free(block);
    return block ? TRUE : tpw_fail(ERROR_INVALID_PARAMETER);
}

SIZE_T WINAPI HeapSize(HANDLE heap, DWORD flags, LPCVOID address)
{
    uint32_t number = number_of(address);
    UNREFERENCED_PARAMETER(flags);
    if (heap != GetProcessHeap())
        return (SIZE_T)-1;
    pthread_mutex_lock(lock_of(number));
    const struct block *block = *find(number, address);
    SIZE_T bytes = block ? block->bytes : (SIZE_T)-1;
    pthread_mutex_unlock(lock_of(number));
    return bytes;
}

BOOL WINAPI HeapValidate(HANDLE heap, DWORD flags, LPCVOID address)
{
    if (heap != GetProcessHeap())
        return FALSE;
    return !address || HeapSize(heap, flags, address) != (SIZE_T)-1 || tpw_io_is_live(address);
}

HLOCAL WINAPI LocalAlloc(UINT flags, SIZE_T bytes)
{
    HLOCAL memory = (flags & ~LPTR) == 0
                        ? HeapAlloc(GetProcessHeap(), flags ? HEAP_ZERO_MEMORY : 0, bytes)
                        : NULL;
    if (!memory)
        tpw_fail((flags & ~LPTR) == 0 ? ERROR_NOT_ENOUGH_MEMORY : ERROR_NOT_SUPPORTED);
    return memory;
}

HLOCAL WINAPI LocalFree(HLOCAL memory)
{
    if (HeapFree(GetProcessHeap(), 0, memory))
        return NULL;
    tpw_fail(ERROR_INVALID_HANDLE);
    return memory;
}

HGLOBAL WINAPI GlobalAlloc(UINT flags, SIZE_T bytes)
{
    return LocalAlloc(flags, bytes);
}

HGLOBAL WINAPI GlobalFree(HGLOBAL memory)
{
    return LocalFree(memory);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static int access_of(DWORD protection)
{
    if (protection == PAGE_READWRITE)
        return PROT_READ | PROT_WRITE;
    if (protection == PAGE_READONLY)
        return PROT_READ;
    return protection == PAGE_NOACCESS ? PROT_NONE : -1;
}

static LPVOID reserve(size_t bytes, int access)
{
    struct region *region = malloc(sizeof *region);
    char *address = MAP_FAILED;
    if (region)
        address = mmap(NULL, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
        free(region);
        tpw_fail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    *region = (struct region){NULL, address, bytes};
    pthread_mutex_lock(&region_lock);
    region->next = regions;
    regions = region;
    pthread_mutex_unlock(&region_lock);
    return address;
}

/* The link to the region in which the range lies. Lock held. */
static struct region **find_region(const char *address, size_t bytes)
{
    struct region **link = &regions;
    while (*link && !(address >= (*link)->address && bytes <= (*link)->bytes &&
                      (size_t)(address - (*link)->address) <= (*link)->bytes - bytes))
        link = &(*link)->next;
    return link;
}

static bool protect(char *address, size_t bytes, int access)
{
    uintptr_t odd = (uintptr_t)address % (uintptr_t)sysconf(_SC_PAGESIZE);
    pthread_mutex_lock(&region_lock);
    bool done = *find_region(address, bytes) && mprotect(address - odd, bytes + odd, access) == 0;
    pthread_mutex_unlock(&region_lock);
    return done;
}

LPVOID WINAPI VirtualAlloc(LPVOID address, SIZE_T bytes, DWORD type, DWORD protection)
{
    int access = access_of(protection);
    DWORD known = MEM_COMMIT | MEM_RESERVE;
    bool fits = bytes > 0 && bytes < SIZE_MAX / 2 && access >= 0 && (type & ~known) == 0;
    if (fits && !address && type != 0)
        return reserve(bytes, (type & MEM_COMMIT) != 0 ? access : PROT_NONE);
    if (fits && address && type == MEM_COMMIT && protect(address, bytes, access))
        return address;
    tpw_fail(fits && address ? ERROR_INVALID_ADDRESS : ERROR_INVALID_PARAMETER);
    return NULL;
}

/* New pages in the place of the old ones, so that what they held is gone. Of 0 bytes at its first
 * address: the whole region. */
static DWORD decommit(char *address, size_t bytes)
{
    uintptr_t odd = (uintptr_t)address % (uintptr_t)sysconf(_SC_PAGESIZE);
    DWORD error = ERROR_INVALID_ADDRESS;
    pthread_mutex_lock(&region_lock);
    const struct region *region = *find_region(address, bytes ? bytes : 1);
    if (region && (bytes > 0 || region->address == address)) {
        void *pages = mmap(address - odd, (bytes ? bytes : region->bytes) + odd, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        error = pages == MAP_FAILED ? ERROR_NOT_ENOUGH_MEMORY : 0;
    }
    pthread_mutex_unlock(&region_lock);
    return error;
}

BOOL WINAPI VirtualFree(LPVOID address, SIZE_T bytes, DWORD type)
{
    struct region *gone = NULL;
    if (type == MEM_DECOMMIT && address) {
        DWORD error = decommit(address, bytes);
        return error ? tpw_fail(error) : TRUE;
    }
    if (type != MEM_RELEASE || bytes != 0 || !address)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    pthread_mutex_lock(&region_lock);
    struct region **link = find_region(address, 1); /* not one that ends there */
    if (*link && (*link)->address == address) {
        gone = *link;
        *link = gone->next;
        munmap(gone->address, gone->bytes);
    }
    pthread_mutex_unlock(&region_lock);
    free(gone);
    return gone ? TRUE : tpw_fail(ERROR_INVALID_ADDRESS);
}

/* symbol.c - names of static functions too: reads the program's own symbol table. */
#define _GNU_SOURCE 1 /* dladdr */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/os/sim/internal.h"

static const ElfW(Sym) * symbols;
static size_t symbol_count;
static const char *names;
static uintptr_t base;

static void take_table(const char *image, size_t size)
{
    const ElfW(Ehdr) *header = (const void *)image;
    const ElfW(Shdr) *section = (const void *)(image + header->e_shoff);
    if (header->e_shoff == 0 || header->e_shoff + header->e_shnum * sizeof *section > size)
        return;
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (section[i].sh_type != SHT_SYMTAB || section[i].sh_link >= header->e_shnum)
            continue;
        symbols = (const void *)(image + section[i].sh_offset);
        symbol_count = section[i].sh_size / sizeof *symbols;
        names = image + section[section[i].sh_link].sh_offset;
    }
    base = header->e_type == ET_DYN ? 1 : 0;
}

/* Once, at the first report; the image stays mapped. */
static void load(void)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *image;
    if (file < 0)
        return;
    if (fstat(file, &status) == 0 && (size_t)status.st_size > sizeof(ElfW(Ehdr))) {
        image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (image != MAP_FAILED)
            take_table(image, (size_t)status.st_size);
    }
    close(file);
}

const char *tpps_symbol_(const void *address)
{
    static bool loaded;
    Dl_info own, info;
    uintptr_t offset;
    if (!loaded)
        load();
    loaded = true;
    if (symbols == NULL || dladdr((const void *)(uintptr_t)&tpps_sim_, &own) == 0 ||
        dladdr(address, &info) == 0 || info.dli_fbase != own.dli_fbase)
        return NULL;
    offset = (uintptr_t)address - (base != 0 ? (uintptr_t)own.dli_fbase : 0);
    for (size_t i = 0; i < symbol_count; i++)
        if ((symbols[i].st_info & 0xf) == STT_FUNC && offset >= symbols[i].st_value &&
            offset - symbols[i].st_value < symbols[i].st_size)
            return names + symbols[i].st_name;
    return NULL;
}

/* symbol.c - names of functions, static ones too: reads the symbol tables of what is loaded. */
#define _GNU_SOURCE 1 /* dladdr */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/os/sim/user.h"

#define IMAGES 16

/* A program or shared object. Its file is mapped at the first report, and stays so. */
struct image {
    const void *base;
    const ElfW(Sym) * symbols;
    size_t count;
    const char *names;
    uintptr_t bias; /* of its addresses against those in the file */
    const char *file;
    size_t size;
};
static struct image images[IMAGES];
static uint32_t loaded;

static void take_table(struct image *image, const char *file, size_t size)
{
    const ElfW(Ehdr) *header = (const void *)file;
    const ElfW(Shdr) *section = (const void *)(file + header->e_shoff);
    if (header->e_shoff == 0 || header->e_shoff + header->e_shnum * sizeof *section > size)
        return;
    image->file = file;
    image->size = size;
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (section[i].sh_type != SHT_SYMTAB || section[i].sh_link >= header->e_shnum)
            continue;
        image->symbols = (const void *)(file + section[i].sh_offset);
        image->count = section[i].sh_size / sizeof *image->symbols;
        image->names = file + section[section[i].sh_link].sh_offset;
    }
    image->bias = header->e_type == ET_DYN ? (uintptr_t)image->base : 0;
}

static void load(struct image *image, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *content;
    if (file < 0)
        return;
    if (fstat(file, &status) == 0 && (size_t)status.st_size > sizeof(ElfW(Ehdr))) {
        content = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (content != MAP_FAILED)
            take_table(image, content, (size_t)status.st_size);
    }
    syscall(SYS_close, file); /* the number may be that of a simulated file, too */
}

static bool is_program(const Dl_info *info)
{
    Dl_info program;
    return dladdr((const void *)getauxval(AT_ENTRY), &program) != 0 &&
           program.dli_fbase == info->dli_fbase;
}

/* NULL if there are too many. */
static const struct image *image_of(const Dl_info *info)
{
    for (uint32_t i = 0; i < loaded; i++)
        if (images[i].base == info->dli_fbase)
            return &images[i];
    if (loaded == IMAGES)
        return NULL;
    images[loaded] = (struct image){.base = info->dli_fbase};
    load(&images[loaded], is_program(info) ? "/proc/self/exe" : info->dli_fname);
    return &images[loaded++];
}

/* NULL if no symbol of this type covers the address. */
static const char *find(const struct image *image, const void *address, unsigned type,
                        size_t *offset_out)
{
    for (size_t i = 0; i < image->count; i++) {
        uintptr_t offset = (uintptr_t)address - image->bias - image->symbols[i].st_value;
        if ((image->symbols[i].st_info & 0xf) != type || offset >= image->symbols[i].st_size)
            continue;
        *offset_out = offset;
        return image->names + image->symbols[i].st_name;
    }
    return NULL;
}

const char *tpps_symbol(const void *address)
{
    Dl_info info;
    const struct image *image = dladdr(address, &info) != 0 ? image_of(&info) : NULL;
    const char *name;
    size_t offset;
    if (image == NULL)
        return NULL;
    name = find(image, address, STT_FUNC, &offset);
    return name != NULL ? name : info.dli_sname;
}

const char *tpps_symbol_data_(const void *address, size_t *offset_out)
{
    Dl_info info;
    const struct image *image = dladdr(address, &info) != 0 ? image_of(&info) : NULL;
    return image != NULL ? find(image, address, STT_OBJECT, offset_out) : NULL;
}

bool tpps_is_code_(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) != 0;
}

/* NULL if its image has none of this name, or has it compressed. */
const uint8_t *tpps_section_(const void *address, const char *name, size_t *size_out,
                             uintptr_t *bias_out)
{
    Dl_info info;
    const struct image *image = dladdr(address, &info) != 0 ? image_of(&info) : NULL;
    const ElfW(Ehdr) *header = image != NULL ? (const void *)image->file : NULL;
    const ElfW(Shdr) * section;
    const char *section_names;
    if (header == NULL || header->e_shstrndx >= header->e_shnum)
        return NULL;
    section = (const void *)(image->file + header->e_shoff);
    section_names = image->file + section[header->e_shstrndx].sh_offset;
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (strcmp(section_names + section[i].sh_name, name) != 0)
            continue;
        if ((section[i].sh_flags & SHF_COMPRESSED) != 0 ||
            section[i].sh_offset + section[i].sh_size > image->size)
            return NULL;
        *size_out = section[i].sh_size;
        *bias_out = image->bias;
        return (const uint8_t *)image->file + section[i].sh_offset;
    }
    return NULL;
}

/* ---- whose code ------------------------------------------------------------------------------ */

/* Where the library is part of the program its functions lie side by side, as they came from the
 * archive; the names of most of them tell. */
static void find_range(const struct image *image, uintptr_t *from, uintptr_t *to)
{
    *from = UINTPTR_MAX;
    *to = 0;
    for (size_t i = 0; i < image->count; i++) {
        const ElfW(Sym) *symbol = &image->symbols[i];
        const char *name = image->names + symbol->st_name;
        uintptr_t at = symbol->st_value + image->bias;
        if ((symbol->st_info & 0xf) != STT_FUNC || symbol->st_shndx == SHN_UNDEF ||
            (strncmp(name, "tpi_", 4) != 0 && strncmp(name, "tpp", 3) != 0) ||
            strstr(name, ".cold") != NULL) /* it lies apart, among those of the program */
            continue;
        *from = at < *from ? at : *from;
        *to = at + symbol->st_size > *to ? at + symbol->st_size : *to;
    }
}

bool tpps_is_library(const void *address)
{
    static uintptr_t from, to;
    Dl_info own, info;
    const struct image *image;
    if (dladdr((const void *)(uintptr_t)&tpps_sim_, &own) == 0 || dladdr(address, &info) == 0 ||
        info.dli_fbase != own.dli_fbase)
        return false;
    if (!is_program(&own))
        return true;
    image = from == 0 ? image_of(&own) : NULL;
    if (image != NULL)
        find_range(image, &from, &to);
    return (uintptr_t)address >= from && (uintptr_t)address < to;
}

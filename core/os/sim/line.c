/* line.c - which line of the source an address is of: reads the line tables of DWARF 2 to 5. */
#include <string.h>

#include "core/os/sim/user.h"
#include "core/os/sim/watch.h"

#define CACHE 256u
#define FORMATS 8u

/* What goes beyond the end is zero, and the end is reached. */
struct reader {
    const uint8_t *at, *end;
};

struct unit {
    struct reader tables; /* of directories and files */
    uint32_t version;
    uint8_t step, range, first; /* of an instruction; of lines; the first special opcode */
    int8_t base;
    const uint8_t *lengths;
};

struct row {
    uint64_t address;
    uint64_t file, line;
};

/* ---- reading --------------------------------------------------------------------------------- */

static uint64_t number(struct reader *r, size_t size)
{
    uint64_t value = 0;
    if (size > (size_t)(r->end - r->at)) {
        r->at = r->end;
        return 0;
    }
    memcpy(&value, r->at, size < 8 ? size : 8); /* of this machine, as the program is */
    r->at += size;
    return value;
}

static uint64_t leb(struct reader *r, bool is_signed)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)number(r, 1);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0);
    if (is_signed && shift < 64 && (byte & 0x40) != 0)
        value |= ~UINT64_C(0) << shift;
    return value;
}

static const char *string(struct reader *r)
{
    const char *text = (const char *)r->at;
    while (r->at < r->end && *r->at != 0)
        r->at++;
    if (r->at == r->end)
        return "";
    r->at++;
    return text;
}

static const char *string_in(const void *address, const char *section, uint64_t offset)
{
    struct reader r;
    size_t size;
    uintptr_t bias;
    r.at = tpps_section_(address, section, &size, &bias);
    if (r.at == NULL || offset >= size)
        return "?";
    r.end = r.at + size;
    r.at += offset;
    return string(&r);
}

/* ---- the names of files ---------------------------------------------------------------------- */

enum { FORM_DATA2 = 0x05, FORM_DATA4 = 0x06, FORM_DATA8 = 0x07, FORM_STRING = 0x08 };
enum { FORM_BLOCK = 0x09, FORM_DATA1 = 0x0b, FORM_STRP = 0x0e, FORM_UDATA = 0x0f };
enum { FORM_DATA16 = 0x1e, FORM_LINE_STRP = 0x1f };

/* One field; its text if it has one. */
static const char *field(struct reader *r, uint64_t form, const void *address)
{
    static const uint8_t sizes[] = {
        [FORM_DATA1] = 1, [FORM_DATA2] = 2, [FORM_DATA4] = 4, [FORM_DATA8] = 8, [FORM_DATA16] = 16};
    switch (form) {
    case FORM_STRING:
        return string(r);
    case FORM_STRP:
        return string_in(address, ".debug_str", number(r, 4));
    case FORM_LINE_STRP:
        return string_in(address, ".debug_line_str", number(r, 4));
    case FORM_UDATA:
        (void)leb(r, false);
        return NULL;
    case FORM_BLOCK:
        (void)number(r, leb(r, false));
        return NULL;
    default:
        if (form >= sizeof sizes || sizes[form] == 0)
            r->at = r->end; /* not known */
        else
            (void)number(r, sizes[form]);
        return NULL;
    }
}

/* Reads one table of version 5; gives the path of its nth entry, if it has that many. */
static const char *entry_of_5(struct reader *r, uint64_t nth, const void *address)
{
    uint64_t types[FORMATS], forms[FORMATS], formats = number(r, 1), count;
    const char *path = NULL, *text;
    for (uint64_t i = 0; i < formats; i++) {
        uint64_t type = leb(r, false), form = leb(r, false);
        if (i < FORMATS) {
            types[i] = type;
            forms[i] = form;
        }
    }
    if (formats > FORMATS)
        r->at = r->end;
    count = leb(r, false);
    for (uint64_t i = 0; i < count && r->at < r->end; i++)
        for (uint64_t k = 0; k < formats && k < FORMATS; k++) {
            text = field(r, forms[k], address);
            if (i == nth && types[k] == 1)
                path = text;
        }
    return path;
}

static const char *entry_of_4(struct reader *r, uint64_t nth)
{
    while (r->at < r->end && *r->at != 0)
        (void)string(r); /* a directory */
    (void)number(r, 1);
    for (uint64_t i = 1; r->at < r->end && *r->at != 0; i++) {
        const char *path = string(r);
        for (int k = 0; k < 3; k++)
            (void)leb(r, false);
        if (i == nth)
            return path;
    }
    return NULL;
}

static const char *file_name(const struct unit *unit, uint64_t file, const void *address)
{
    struct reader r = unit->tables;
    const char *path, *slash;
    if (unit->version >= 5) {
        (void)entry_of_5(&r, 0, address); /* directories */
        path = entry_of_5(&r, file, address);
    } else
        path = entry_of_4(&r, file);
    if (path == NULL)
        return NULL;
    slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- the program of a unit ------------------------------------------------------------------- */

/* An extended opcode; true at the end of a sequence. */
static bool extended(struct reader *r, struct row *row)
{
    uint64_t length = leb(r, false);
    uint8_t code = (uint8_t)number(r, 1);
    if (code == 2)
        row->address = number(r, length - 1);
    else if (length > 1)
        (void)number(r, length - 1);
    return code == 1;
}

/* A standard opcode; true if it makes a row. */
static bool standard(const struct unit *unit, struct reader *r, uint8_t code, struct row *row)
{
    switch (code) {
    case 1:
        return true;
    case 2:
        row->address += leb(r, false) * unit->step;
        return false;
    case 3:
        row->line += leb(r, true);
        return false;
    case 4:
        row->file = leb(r, false);
        return false;
    case 8:
        row->address += (uint64_t)((255 - unit->first) / unit->range) * unit->step;
        return false;
    case 9:
        row->address += number(r, 2);
        return false;
    default:
        for (uint8_t i = 0; i < unit->lengths[code - 1]; i++)
            (void)leb(r, false);
        return false;
    }
}

/* The last row at or before the address in a sequence that goes on beyond it. A sequence that
 * begins at 0 is of code that was left out. */
static bool search(const struct unit *unit, struct reader *r, uint64_t target, struct row *found)
{
    static const struct row start = {0, 1, 1};
    struct row row = start, last = start;
    bool going = false;
    while (r->at < r->end) {
        uint8_t code = (uint8_t)number(r, 1);
        bool end = false, made = true;
        if (code >= unit->first) {
            row.address += (uint64_t)((code - unit->first) / unit->range) * unit->step;
            row.line += (uint64_t)(int64_t)(unit->base + (code - unit->first) % unit->range);
        } else if (code == 0)
            made = end = extended(r, &row);
        else
            made = standard(unit, r, code, &row);
        if (!made)
            continue;
        if (going && last.address != 0 && last.address <= target && target < row.address) {
            *found = last;
            return true;
        }
        last = row;
        going = !end;
        if (end)
            row = start;
    }
    return false;
}

static bool read_header(struct unit *unit, struct reader *r, struct reader *program)
{
    uint64_t length;
    unit->version = (uint32_t)number(r, 2);
    if (unit->version < 2 || unit->version > 5)
        return false;
    if (unit->version >= 5)
        (void)number(r, 2);
    length = number(r, 4);
    if (length > (uint64_t)(r->end - r->at))
        return false;
    *program = (struct reader){r->at + length, r->end};
    unit->step = (uint8_t)number(r, 1);
    if (unit->version >= 4)
        (void)number(r, 1);
    (void)number(r, 1);
    unit->base = (int8_t)number(r, 1);
    unit->range = (uint8_t)number(r, 1);
    unit->first = (uint8_t)number(r, 1);
    unit->lengths = r->at;
    if (unit->range == 0 || unit->first == 0)
        return false;
    (void)number(r, unit->first - 1u);
    unit->tables = (struct reader){r->at, program->at};
    return true;
}

/* ---- looking up ------------------------------------------------------------------------------ */

static bool look_up(const void *address, const char **file_out, uint32_t *line_out)
{
    struct reader all, r, program;
    struct unit unit;
    struct row row;
    uintptr_t bias;
    size_t size;
    all.at = tpps_section_(address, ".debug_line", &size, &bias);
    if (all.at == NULL)
        return false;
    all.end = all.at + size;
    while (all.at < all.end) {
        uint64_t length = number(&all, 4);
        if (length > (uint64_t)(all.end - all.at))
            return false; /* or one of 64 bits */
        r = (struct reader){all.at, all.at + length};
        all.at = r.end;
        if (!read_header(&unit, &r, &program) ||
            !search(&unit, &program, (uintptr_t)address - bias, &row))
            continue;
        *file_out = file_name(&unit, row.file, address);
        *line_out = (uint32_t)row.line;
        return *file_out != NULL;
    }
    return false;
}

/* Many runs fail in the same places while one is made small. */
bool tpps_line(const void *address, const char **file_out, uint32_t *line_out)
{
    static struct {
        const void *address;
        const char *file;
        uint32_t line;
    } cache[CACHE];
    uint32_t i = (uint32_t)((uintptr_t)address * 0x9E3779B97F4A7C15u >> 40) % CACHE;
    if (cache[i].address != address) {
        cache[i].address = address;
        if (!look_up(address, &cache[i].file, &cache[i].line))
            cache[i].file = NULL;
    }
    *file_out = cache[i].file;
    *line_out = cache[i].line;
    return cache[i].file != NULL;
}

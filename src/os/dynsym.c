/* SPDX-License-Identifier: MIT */
#include "os/dynsym.h"

#include <elf.h>
#include <string.h>

#include "base/err.h"

#define MAX_SEGMENTS 64
#define MAX_ENTRIES 256 /* of the dynamic section; real ones have about 30 */
#define MAX_CHAIN 4096  /* symbols in one hash bucket; real ones have 1 to 5 */
#define CHAIN_STEP 8    /* read at once */
#define MAX_NAME 64

/* glibc adds the bias to the pointers of the dynamic section in place, musl does not. */
static uint64_t as_loaded(const struct dynsym *dynsym, uint64_t image, uint64_t pointer)
{
    return pointer && pointer < image ? pointer + dynsym->bias : pointer;
}

static int read_dynamic(struct dynsym *dynsym, uint64_t image, const Elf64_Phdr *segment)
{
    Elf64_Dyn entries[MAX_ENTRIES];
    size_t count = segment->p_memsz / sizeof entries[0];
    if (count > MAX_ENTRIES)
        count = MAX_ENTRIES;
    int result = dynsym->read(dynsym->context, segment->p_vaddr + dynsym->bias, entries,
                              count * sizeof entries[0]);
    if (result < 0)
        return result;
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
        uint64_t value = entries[i].d_un.d_val;
        switch (entries[i].d_tag) {
        case DT_SYMTAB:
            dynsym->symbols = as_loaded(dynsym, image, value);
            break;
        case DT_STRTAB:
            dynsym->names = as_loaded(dynsym, image, value);
            break;
        case DT_STRSZ:
            dynsym->names_size = value;
            break;
        case DT_GNU_HASH:
            dynsym->gnu_hash = as_loaded(dynsym, image, value);
            break;
        case DT_HASH:
            dynsym->sysv_hash = as_loaded(dynsym, image, value);
            break;
        }
    }
    if (!dynsym->symbols || !dynsym->names || (!dynsym->gnu_hash && !dynsym->sysv_hash))
        return ERR_NOT_FOUND;
    return 0;
}

int dynsym_open(struct dynsym *dynsym, dynsym_read read, void *context, uint64_t image)
{
    *dynsym = (struct dynsym){.read = read, .context = context};
    Elf64_Ehdr header;
    int result = read(context, image, &header, sizeof header);
    if (result < 0)
        return result;
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64 ||
        header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > MAX_SEGMENTS)
        return ERR_BAD_DATA;
    Elf64_Phdr segments[MAX_SEGMENTS];
    result = read(context, image + header.e_phoff, segments, header.e_phnum * sizeof segments[0]);
    if (result < 0)
        return result;

    const Elf64_Phdr *dynamic = NULL, *first = NULL;
    for (size_t i = 0; i < header.e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD && !first)
            first = &segments[i];
        if (segments[i].p_type == PT_DYNAMIC)
            dynamic = &segments[i];
    }
    if (!first)
        return ERR_BAD_DATA;
    dynsym->bias = image - (first->p_vaddr - first->p_offset);
    return dynamic ? read_dynamic(dynsym, image, dynamic) : ERR_NOT_FOUND;
}

/* 0 when symbol `index` is defined and has that name. */
static int check_symbol(struct dynsym *dynsym, uint32_t index, const char *name, uint64_t *address,
                        uint64_t *size)
{
    Elf64_Sym symbol;
    int result = dynsym->read(dynsym->context, dynsym->symbols + (uint64_t)index * sizeof symbol,
                              &symbol, sizeof symbol);
    if (result < 0)
        return result;
    size_t length = strlen(name) + 1;
    char found[MAX_NAME];
    if (symbol.st_shndx == SHN_UNDEF || length > sizeof found ||
        symbol.st_name > dynsym->names_size || dynsym->names_size - symbol.st_name < length)
        return ERR_NOT_FOUND;
    result = dynsym->read(dynsym->context, dynsym->names + symbol.st_name, found, length);
    if (result < 0)
        return result;
    if (memcmp(found, name, length) != 0)
        return ERR_NOT_FOUND;
    *address = symbol.st_value + dynsym->bias;
    if (size)
        *size = symbol.st_size;
    return 0;
}

static uint32_t hash_gnu(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static uint32_t hash_sysv(const char *name)
{
    uint32_t hash = 0;
    for (; *name; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        hash ^= (hash >> 24) & 0xf0;
    }
    return hash & 0x0fffffff;
}

/* Header {buckets, first symbol, bloom words, shift}, bloom words of 8 bytes, buckets, then one
 * hash per symbol whose low bit ends a chain. */
static int find_gnu(struct dynsym *dynsym, const char *name, uint64_t *address, uint64_t *size)
{
    uint32_t header[4], bucket, chain[CHAIN_STEP], hash = hash_gnu(name);
    int result = dynsym->read(dynsym->context, dynsym->gnu_hash, header, sizeof header);
    if (result < 0)
        return result;
    if (!header[0])
        return ERR_NOT_FOUND;
    uint64_t buckets = dynsym->gnu_hash + sizeof header + (uint64_t)header[2] * 8;
    result = dynsym->read(dynsym->context, buckets + (uint64_t)(hash % header[0]) * 4, &bucket, 4);
    if (result < 0)
        return result;
    if (bucket < header[1])
        return ERR_NOT_FOUND;
    uint64_t chains = buckets + (uint64_t)header[0] * 4;
    for (uint32_t i = 0; i < MAX_CHAIN; i++) {
        if (i % CHAIN_STEP == 0) {
            result = dynsym->read(dynsym->context, chains + (uint64_t)(bucket - header[1] + i) * 4,
                                  chain, sizeof chain);
            if (result < 0)
                return result;
        }
        if ((chain[i % CHAIN_STEP] | 1) == (hash | 1)) {
            result = check_symbol(dynsym, bucket + i, name, address, size);
            if (result != ERR_NOT_FOUND)
                return result;
        }
        if (chain[i % CHAIN_STEP] & 1)
            break;
    }
    return ERR_NOT_FOUND;
}

/* Header {buckets, chains}, buckets, chains; index 0 ends a chain. */
static int find_sysv(struct dynsym *dynsym, const char *name, uint64_t *address, uint64_t *size)
{
    uint32_t header[2], index;
    int result = dynsym->read(dynsym->context, dynsym->sysv_hash, header, sizeof header);
    if (result < 0)
        return result;
    if (!header[0])
        return ERR_NOT_FOUND;
    uint64_t buckets = dynsym->sysv_hash + sizeof header;
    uint64_t at = buckets + (uint64_t)(hash_sysv(name) % header[0]) * 4;
    for (uint32_t i = 0; i < MAX_CHAIN; i++) {
        result = dynsym->read(dynsym->context, at, &index, 4);
        if (result < 0)
            return result;
        if (!index)
            break;
        result = check_symbol(dynsym, index, name, address, size);
        if (result != ERR_NOT_FOUND)
            return result;
        at = buckets + ((uint64_t)header[0] + index) * 4;
    }
    return ERR_NOT_FOUND;
}

int dynsym_find(struct dynsym *dynsym, const char *name, uint64_t *address, uint64_t *size)
{
    if (dynsym->gnu_hash)
        return find_gnu(dynsym, name, address, size);
    return dynsym->sysv_hash ? find_sysv(dynsym, name, address, size) : ERR_NOT_FOUND;
}

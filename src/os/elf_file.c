/* SPDX-License-Identifier: MIT */
#include "os/elf_file.h"

#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define MAX_SEGMENTS 256

int elf_file_open(struct elf_file *file, int fd)
{
    *file = (struct elf_file){.fd = fd};
    if (elf_version(EV_CURRENT) == EV_NONE || !(file->elf = elf_begin(fd, ELF_C_READ, NULL))) {
        elf_file_close(file);
        return ERR_BAD_DATA;
    }
    GElf_Ehdr header;
    if (elf_kind(file->elf) != ELF_K_ELF || gelf_getclass(file->elf) != ELFCLASS64 ||
        !gelf_getehdr(file->elf, &header) || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64) {
        elf_file_close(file);
        return ERR_BAD_DATA;
    }
    return 0;
}

void elf_file_close(struct elf_file *file)
{
    if (file->elf)
        elf_end(file->elf);
    if (file->fd >= 0)
        close(file->fd);
    *file = (struct elf_file){.fd = -1};
}

int elf_file_section(struct elf_file *file, const char *name, struct elf_range *out)
{
    size_t names, seen = 0;
    if (elf_getshdrstrndx(file->elf, &names) < 0)
        return ERR_NOT_FOUND;
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(file->elf, section)) && seen++ < ELF_FILE_MAX_SECTIONS) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_ALLOC))
            continue;
        const char *found = elf_strptr(file->elf, names, header.sh_name);
        if (found && strcmp(found, name) == 0) {
            *out = (struct elf_range){header.sh_addr, header.sh_size};
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

static Elf_Scn *section_of_type(Elf *elf, GElf_Word type, GElf_Shdr *header)
{
    size_t seen = 0;
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section)) && seen++ < ELF_FILE_MAX_SECTIONS) {
        if (gelf_getshdr(section, header) && header->sh_type == type)
            return section;
    }
    return NULL;
}

/* The bytes of a section that is worth its memory, or NULL. */
static Elf_Data *table_of(Elf_Scn *section, const GElf_Shdr *header)
{
    if (!section || header->sh_size > ELF_FILE_MAX_TABLE || header->sh_type == SHT_NOBITS)
        return NULL;
    Elf_Data *data = elf_getdata(section, NULL);
    return data && data->d_buf ? data : NULL;
}

int elf_file_symbol(struct elf_file *file, const char *name, struct elf_range *out)
{
    GElf_Shdr header, names_header;
    Elf_Scn *section = section_of_type(file->elf, SHT_SYMTAB, &header);
    Elf_Data *symbols = table_of(section, &header);
    if (!symbols)
        return ERR_NOT_FOUND;
    Elf_Scn *names_section = elf_getscn(file->elf, header.sh_link);
    if (!names_section || !gelf_getshdr(names_section, &names_header))
        return ERR_NOT_FOUND;
    Elf_Data *names = table_of(names_section, &names_header);
    size_t length = strlen(name) + 1;
    if (!names || names->d_size < length)
        return ERR_NOT_FOUND;

    const Elf64_Sym *list = symbols->d_buf;
    for (size_t i = 0; i < symbols->d_size / sizeof *list; i++) {
        if (list[i].st_shndx == SHN_UNDEF || list[i].st_name > names->d_size - length)
            continue;
        if (memcmp((const char *)names->d_buf + list[i].st_name, name, length) == 0) {
            *out = (struct elf_range){list[i].st_value, list[i].st_size};
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

int elf_file_bias(struct elf_file *file, uint64_t start, uint64_t offset, uint64_t *bias)
{
    size_t count;
    if (elf_getphdrnum(file->elf, &count) < 0 || count > MAX_SEGMENTS)
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_LOAD)
            continue;
        uint64_t first = segment.p_offset & ~(uint64_t)4095;
        if (offset >= first && offset - first < segment.p_filesz + (segment.p_offset - first)) {
            *bias = start - offset - (segment.p_vaddr - segment.p_offset);
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

size_t elf_file_build_id(struct elf_file *file, uint8_t out[ELF_BUILD_ID_MAX])
{
    GElf_Shdr header;
    size_t seen = 0;
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(file->elf, section)) && seen++ < ELF_FILE_MAX_SECTIONS) {
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_NOTE)
            continue;
        Elf_Data *data = table_of(section, &header);
        GElf_Nhdr note;
        size_t at = 0, next, name, description;
        while (data && (next = gelf_getnote(data, at, &note, &name, &description)) > 0) {
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                memcmp((const char *)data->d_buf + name, "GNU", 4) == 0 &&
                note.n_descsz <= ELF_BUILD_ID_MAX) {
                memcpy(out, (const char *)data->d_buf + description, note.n_descsz);
                return note.n_descsz;
            }
            at = next;
        }
    }
    return 0;
}

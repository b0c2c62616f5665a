/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_block.h"

#include "common/buffer.h"
#include "common/error.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTS_MAX 256
#define WAITING ((size_t)2048) /* entries of a part that are written at a time */
#define PHONE_DIGITS 11u       /* at its end, that windows go over */
#define STREET_BEGIN 2         /* characters */
#define LOCAL_MIN 4
#define BIT(field) (1u << (field))

static_assert(PASSES_MAX >= BLOCK_END, "a pass has counts");

const unsigned block_fixed[PASSES_MAX] = {
    [BLOCK_NAME_DAY] = BIT(FIELD_NAME) | BIT(FIELD_BIRTHDAY),
    [BLOCK_NAME_YEAR] = BIT(FIELD_NAME) | BIT(FIELD_BIRTHDAY),
    [BLOCK_BIRTHDAY_INITIAL] = BIT(FIELD_BIRTHDAY) | BIT(FIELD_NAME),
    [BLOCK_BIRTHDAY_CITY] = BIT(FIELD_BIRTHDAY) | BIT(FIELD_PLACE),
    [BLOCK_NAME_CITY] = BIT(FIELD_NAME) | BIT(FIELD_PLACE),
    [BLOCK_PHONE] = BIT(FIELD_PHONE),
    [BLOCK_STREET] = BIT(FIELD_PLACE),
    [BLOCK_EMAIL] = BIT(FIELD_EMAIL),
};

/* -- keys -- */

struct keys {
    const struct block_secret *secret;
    uint64_t *keys;
    unsigned count;
    struct buffer text;
};

static void put_text(struct keys *keys, const struct text *text)
{
    buffer_byte(&keys->text, text->size);
    buffer_append(&keys->text, text->chars, text->size * sizeof(text->chars[0]));
}

static void put_number(struct keys *keys, int number)
{
    buffer_append(&keys->text, &number, sizeof(number));
}

/* What was put since the last one. */
static void end_key(struct keys *keys, enum block_pass pass)
{
    uint8_t hash[crypto_shorthash_siphash24_BYTES];
    crypto_shorthash_siphash24(hash, keys->text.data, keys->text.size, keys->secret->bytes);
    uint64_t key = get_be64(hash) << 4 | pass;
    buffer_clear(&keys->text);
    for (unsigned i = 0; i < keys->count; i++)
        if (keys->keys[i] == key)
            return;
    keys->keys[keys->count++] = key;
}

static void add_name_keys(struct keys *keys, const struct duplicate_record *record)
{
    const struct birthday *birthday = &record->birthday;
    if (birthday->month) {
        put_text(keys, &record->sorted);
        put_number(keys, birthday->month * 100 + birthday->day);
        end_key(keys, BLOCK_NAME_DAY);
    }
    if (birthday->year) {
        put_text(keys, &record->sorted);
        put_number(keys, birthday->year);
        end_key(keys, BLOCK_NAME_YEAR);
    }
    if (record->city.size) {
        put_text(keys, &record->sorted);
        put_text(keys, &record->city);
        end_key(keys, BLOCK_NAME_CITY);
    }
}

static void add_birthday_keys(struct keys *keys, const struct duplicate_record *record)
{
    const struct birthday *birthday = &record->birthday;
    int day = (birthday->year * 100 + birthday->month) * 100 + birthday->day;
    if (record->sorted.size) {
        put_number(keys, day);
        put_number(keys, record->sorted.chars[0]);
        end_key(keys, BLOCK_BIRTHDAY_INITIAL);
    }
    if (record->city.size) {
        put_number(keys, day);
        put_text(keys, &record->city);
        end_key(keys, BLOCK_BIRTHDAY_CITY);
    }
}

/* Three digits are left out, from every second place on: the places of a mistake are among them once. */
static void add_phone_keys(struct keys *keys, const struct number *phone)
{
    if (phone->size < PHONE_DIGITS)
        return;
    unsigned first = phone->size - PHONE_DIGITS;
    for (unsigned window = 0; window < PHONE_WINDOWS; window++) {
        unsigned begin = first + 2 * window;
        put_number(keys, (int)window);
        buffer_append(&keys->text, phone->digits, begin);
        buffer_append(&keys->text, phone->digits + begin + 3, phone->size - begin - 3);
        end_key(keys, BLOCK_PHONE);
    }
}

/* However it is written, the numbers of house and room stand in their order. */
static void add_street_key(struct keys *keys, const struct text *street)
{
    struct text numbers = {.size = 0};
    for (unsigned i = 0; i < street->size; i++)
        if (street->chars[i] >= '0' && street->chars[i] <= '9')
            numbers.chars[numbers.size++] = street->chars[i];
        else if (numbers.size > 0 && numbers.chars[numbers.size - 1] != ' ')
            numbers.chars[numbers.size++] = ' ';
    if (numbers.size > 0 && numbers.chars[numbers.size - 1] == ' ')
        numbers.size--;
    if (street->size < STREET_BEGIN || numbers.size == 0)
        return;
    buffer_append(&keys->text, street->chars, STREET_BEGIN * sizeof(street->chars[0]));
    put_text(keys, &numbers);
    end_key(keys, BLOCK_STREET);
}

unsigned block_keys(const struct block_secret *secret, const struct duplicate_record *record,
    uint64_t ret_keys[BLOCK_KEYS_MAX])
{
    struct keys keys = {.secret = secret, .keys = ret_keys};
    if (record->sorted.size)
        add_name_keys(&keys, record);
    if (record->birthday.year)
        add_birthday_keys(&keys, record);
    add_street_key(&keys, &record->street);
    for (size_t i = 0; i < VALUES_MAX; i++) {
        add_phone_keys(&keys, &record->phones[i]);
        if (record->emails[i].size >= LOCAL_MIN) {
            put_text(&keys, &record->emails[i]);
            end_key(&keys, BLOCK_EMAIL);
        }
    }
    unsigned count = buffer_error(&keys.text) ? 0 : keys.count;
    if (keys.text.data)
        sodium_memzero(keys.text.data, keys.text.capacity);
    buffer_free(&keys.text);
    return count;
}

/* -- files -- */

struct part {
    FILE *file; /* without a name: it is gone when it is closed */
    uint64_t entries;
};

struct block_files {
    unsigned count;
    uint64_t entries;
    struct part parts[PARTS_MAX];
    struct block_entry *sorted;
    size_t room;
};

static int open_part(const char *directory, struct part *part)
{
    char path[800];
    int size = snprintf(path, sizeof(path), "%s/blocks.XXXXXX", directory);
    if (size < 0 || (size_t)size >= sizeof(path))
        return -QY_EINVAL;
    int fd = mkstemp(path);
    if (fd < 0)
        return -QY_EIO;
    unlink(path);
    part->file = fdopen(fd, "w+b");
    if (!part->file)
        close(fd);
    else
        setvbuf(part->file, NULL, _IOFBF, WAITING * sizeof(struct block_entry));
    return part->file ? 0 : -QY_ENOMEM;
}

int block_files_open(const char *directory, uint64_t entries, size_t memory, struct block_files **ret_files)
{
    struct block_files *files = calloc(1, sizeof(*files));
    if (!files)
        return -QY_ENOMEM;
    uint64_t wanted = entries * sizeof(struct block_entry) / memory + 1;
    files->count = wanted < PARTS_MAX ? (unsigned)wanted : PARTS_MAX;
    int error = 0;
    for (unsigned i = 0; !error && i < files->count; i++)
        error = open_part(directory, &files->parts[i]);
    if (error)
        block_files_close(&files);
    *ret_files = files;
    return error;
}

void block_files_close(struct block_files **files)
{
    if (!*files)
        return;
    for (unsigned i = 0; i < (*files)->count; i++)
        if ((*files)->parts[i].file)
            fclose((*files)->parts[i].file);
    free((*files)->sorted);
    free(*files);
    *files = NULL;
}

int block_files_add(struct block_files *files, const uint64_t *keys, unsigned count, uint32_t person)
{
    for (unsigned i = 0; i < count; i++) {
        struct part *part = &files->parts[(keys[i] >> 4) % files->count];
        struct block_entry entry = {.key = keys[i], .person = person};
        if (fwrite(&entry, sizeof(entry), 1, part->file) != 1)
            return -QY_EIO;
        part->entries++;
        files->entries++;
    }
    return 0;
}

int block_files_finish(struct block_files *files)
{
    for (unsigned i = 0; i < files->count; i++)
        if (fflush(files->parts[i].file) != 0)
            return -QY_EIO;
    return 0;
}

unsigned block_files_parts(const struct block_files *files)
{
    return files->count;
}

uint64_t block_files_entries(const struct block_files *files)
{
    return files->entries;
}

static int compare_entries(const void *left, const void *right)
{
    const struct block_entry *one = left, *other = right;
    if (one->key != other->key)
        return one->key < other->key ? -1 : 1;
    return (one->person > other->person) - (one->person < other->person);
}

static int make_room(struct block_files *files, uint64_t entries)
{
    if (entries <= files->room)
        return 0;
    struct block_entry *sorted = realloc(files->sorted, entries * sizeof(*sorted));
    if (!sorted)
        return -QY_ENOMEM;
    files->sorted = sorted;
    files->room = entries;
    return 0;
}

int block_files_part(
    struct block_files *files, unsigned part, const struct block_entry **ret_entries, size_t *ret_count)
{
    size_t count = files->parts[part].entries;
    int error = make_room(files, count + 1);
    if (error)
        return error;
    rewind(files->parts[part].file);
    if (fread(files->sorted, sizeof(*files->sorted), count, files->parts[part].file) != count)
        return -QY_EIO;
    qsort(files->sorted, count, sizeof(*files->sorted), compare_entries);
    *ret_entries = files->sorted;
    *ret_count = count;
    return 0;
}

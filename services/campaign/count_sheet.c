/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/count_sheet.h"

#include <string.h>

static unsigned place_of(uint32_t journey, const char *step)
{
    uint32_t hash = journey * 2654435761u;
    for (; *step; step++)
        hash = (hash ^ (unsigned char)*step) * 16777619u;
    return hash % COUNT_SHEET_ENTRIES;
}

static struct count_entry *find(struct count_sheet *sheet, uint32_t journey, const char *step)
{
    unsigned place = place_of(journey, step);
    for (;; place = (place + 1) % COUNT_SHEET_ENTRIES) {
        struct count_entry *entry = &sheet->entries[place];
        if (entry->journey == 0 || (entry->journey == journey && strcmp(entry->step, step) == 0))
            return entry;
    }
}

void count_sheet_add(struct count_sheet *sheet, struct store_txn *txn, uint32_t journey, const char *step,
    enum count count, int change)
{
    if (sheet->used >= COUNT_SHEET_ENTRIES / 2)
        count_sheet_flush(sheet, txn);
    struct count_entry *entry = find(sheet, journey, step);
    if (entry->journey == 0) {
        entry->journey = journey;
        strncpy(entry->step, step, sizeof(entry->step) - 1);
        sheet->used++;
    }
    entry->change[count] += change;
}

void count_sheet_flush(struct count_sheet *sheet, struct store_txn *txn)
{
    if (sheet->used == 0)
        return;
    for (unsigned i = 0; i < COUNT_SHEET_ENTRIES; i++)
        if (sheet->entries[i].journey)
            counts_change(txn, sheet->entries[i].journey, sheet->entries[i].step, sheet->entries[i].change);
    count_sheet_clear(sheet);
}

void count_sheet_clear(struct count_sheet *sheet)
{
    memset(sheet, 0, sizeof(*sheet));
}

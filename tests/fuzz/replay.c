/* SPDX-License-Identifier: Apache-2.0 */
/* Gives every file of the directories named to the fuzz target, once. Fails where there is none to give. */
#include "common/mem.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target gets memory of exactly the input's size, so that AddressSanitizer sees a read behind its end. */
static int replay_file(const char *path)
{
    static uint8_t content[INPUT_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(content, 1, sizeof(content), file) : 0;
    bool read = file && !ferror(file) && size < sizeof(content);
    if (file)
        (void)fclose(file);
    uint8_t *input = read ? malloc(size ? size : 1) : NULL;
    if (!input) {
        fprintf(stderr, "%s cannot be read\n", path);
        return -1;
    }
    memcpy(input, content, size);
    printf("%s\n", path);
    (void)fflush(stdout); /* the last one named is the one that it died of */
    (void)LLVMFuzzerTestOneInput(input, size);
    free(input);
    return 0;
}

static int replay_directory(const char *path, size_t *count)
{
    char name[4096];
    DIR *directory = opendir(path);
    int result = 0;
    if (!directory)
        return 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        result = replay_file(name);
        ++*count;
    }
    (void)closedir(directory);
    return result;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        if (replay_directory(argv[i], &count))
            return 1;
    if (count == 0)
        fprintf(stderr, "no inputs to replay\n");
    return count ? 0 : 1;
}

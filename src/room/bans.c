#include "room/bans.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

struct reader {
    struct bans *bans;
    uint32_t capacity;
    uint32_t lifted_capacity;
    const char *name;
    int line;
    uint64_t wall_s;
    uint64_t now_ns;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct reader *reader, int rc,
                                                        const char *format, ...)
{
    va_list arguments;
    int used = snprintf(reader->error, reader->error_size, "%s:%d: ", reader->name, reader->line);

    if (used >= 0 && (size_t)used < reader->error_size) {
        va_start(arguments, format);
        vsnprintf(reader->error + used, reader->error_size - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return rc;
}

/* `count` digits and nothing else; 0 to 9999. */
static bool take_digits(const char **text, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        char digit = *(*text)++;

        if (digit < '0' || digit > '9') {
            return false;
        }
        *value = *value * 10 + (digit - '0');
    }
    return true;
}

static bool take_char(const char **text, char wanted)
{
    return *(*text)++ == wanted;
}

/* 2026-12-24 or 2026-12-24T18:00:00Z, and a day that there is. */
static bool parse_time(const char *text, uint64_t *seconds)
{
    struct tm given = {0};
    struct tm same;
    int year;
    int month;

    if (!take_digits(&text, 4, &year) || !take_char(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_char(&text, '-') || !take_digits(&text, 2, &given.tm_mday) || year < 1970) {
        return false;
    }
    if (*text != '\0') {
        if (!take_char(&text, 'T') || !take_digits(&text, 2, &given.tm_hour) || !take_char(&text, ':') ||
            !take_digits(&text, 2, &given.tm_min) || !take_char(&text, ':') ||
            !take_digits(&text, 2, &given.tm_sec) || !take_char(&text, 'Z') || *text != '\0') {
            return false;
        }
    }
    given.tm_year = year - 1900;
    given.tm_mon = month - 1;
    same = given;

    time_t time = timegm(&same);

    *seconds = (uint64_t)time;
    return time >= 0 && same.tm_mon == given.tm_mon && same.tm_mday == given.tm_mday &&
           same.tm_hour == given.tm_hour && same.tm_min == given.tm_min && same.tm_sec == given.tm_sec;
}

/* Room for one more in an array of `*capacity` elements of `size` bytes. */
static int grow(const struct reader *reader, void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (reader->bans->count + reader->bans->lifted_count == BANS_MAX) {
        return refuse(reader, -E2BIG, "more than %d networks", BANS_MAX);
    }
    if (count < *capacity) {
        return 0;
    }

    uint32_t wanted = *capacity == 0 ? 16 : 2 * *capacity;
    void *grown = memory_resize(*(void **)array, wanted * size);

    if (grown == NULL) {
        return refuse(reader, -ENOMEM, "no memory for %u networks", wanted);
    }
    *(void **)array = grown;
    *capacity = wanted;
    return 0;
}

static int add_lifted(struct reader *reader, const struct network *network)
{
    struct bans *bans = reader->bans;
    int rc =
        grow(reader, &bans->lifted, bans->lifted_count, &reader->lifted_capacity, sizeof(bans->lifted[0]));

    if (rc == 0) {
        bans->lifted[bans->lifted_count++] = *network;
    }
    return rc;
}

/* `until_s` on the wall, or BAN_FOR_EVER. */
static int add_ban(struct reader *reader, const struct network *network, uint64_t until_s)
{
    struct bans *bans = reader->bans;
    struct ban ban = {.network = *network, .until_ns = BAN_FOR_EVER};

    if (until_s <= reader->wall_s) {
        return 0;
    }
    if (until_s - reader->wall_s < (UINT64_MAX - reader->now_ns) / NS_PER_S) {
        ban.until_ns = reader->now_ns + (until_s - reader->wall_s) * NS_PER_S;
    }

    int rc = grow(reader, &bans->bans, bans->count, &reader->capacity, sizeof(bans->bans[0]));

    if (rc == 0) {
        bans->bans[bans->count++] = ban;
    }
    return rc;
}

static int parse_line(struct reader *reader, char *line)
{
    static const char blanks[] = " \t\r";
    char *rest = line;
    struct network network;

    line[strcspn(line, "#")] = '\0';

    const char *word = strtok_r(line, blanks, &rest);

    if (word == NULL) {
        return 0;
    }

    int rc = network_parse(&network, word);

    if (rc < 0) {
        return refuse(reader, -EINVAL,
                      rc == -EDOM ? "bits are set behind the network's own (10.0.0.0/8, not 10.0.0.1/8)"
                                  : "not a network (write it like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32)");
    }
    word = strtok_r(NULL, blanks, &rest);

    uint64_t until_s = BAN_FOR_EVER;
    bool is_lifted = word != NULL && strcmp(word, "lift") == 0;

    if (word != NULL && !is_lifted && !parse_time(word, &until_s)) {
        return refuse(reader, -EINVAL,
                      "neither `lift` nor a time (write it like 2026-12-24 or "
                      "2026-12-24T18:00:00Z)");
    }
    if (strtok_r(NULL, blanks, &rest) != NULL) {
        return refuse(reader, -EINVAL, "more than a network and a time");
    }
    return is_lifted ? add_lifted(reader, &network) : add_ban(reader, &network, until_s);
}

/* 1: a line without its newline; 0: the end; or what is wrong. */
static int read_line(struct reader *reader, FILE *file, char text[BANS_LINE_BYTES_MAX + 1])
{
    size_t size = 0;
    int byte;

    reader->line++;
    while ((byte = getc(file)) != EOF && byte != '\n') {
        if (byte == '\0' || size == BANS_LINE_BYTES_MAX) {
            return refuse(reader, -EINVAL, byte == '\0' ? "a NUL byte" : "too long a line");
        }
        text[size++] = (char)byte;
    }
    if (byte == EOF && ferror(file)) {
        return refuse(reader, -EIO, "cannot be read");
    }
    text[size] = '\0';
    return byte != EOF || size > 0;
}

/* By length, then by address; of one network, the longest ban first. */
static int compare(const void *left, const void *right)
{
    const struct ban *a = left;
    const struct ban *b = right;
    int order = (a->network.bits > b->network.bits) - (a->network.bits < b->network.bits);

    if (order == 0) {
        order = memcmp(&a->network.first, &b->network.first, sizeof(a->network.first));
    }
    return order != 0 ? order : (a->until_ns < b->until_ns) - (a->until_ns > b->until_ns);
}

static void sort(struct bans *bans)
{
    uint32_t kept = 0;

    if (bans->count == 0) {
        return;
    }
    qsort(bans->bans, bans->count, sizeof(bans->bans[0]), compare);
    for (uint32_t i = 0; i < bans->count; i++) {
        const struct ban *last = kept == 0 ? NULL : &bans->bans[kept - 1];

        if (last == NULL || last->network.bits != bans->bans[i].network.bits ||
            memcmp(&last->network.first, &bans->bans[i].network.first, sizeof(struct host)) != 0) {
            bans->bans[kept++] = bans->bans[i];
        }
    }
    bans->count = kept;
    for (uint32_t bits = 0, at = 0; bits <= BAN_LENGTHS; bits++) {
        while (at < kept && bans->bans[at].network.bits < bits) {
            at++;
        }
        bans->first[bits] = at;
    }
}

int bans_read(struct bans *bans, const char *name, FILE *file, uint64_t wall_s, uint64_t now_ns, char *error,
              size_t error_size)
{
    struct reader reader = {.bans = bans,
                            .name = name,
                            .wall_s = wall_s,
                            .now_ns = now_ns,
                            .error = error,
                            .error_size = error_size};
    char text[BANS_LINE_BYTES_MAX + 1];
    int rc;

    *bans = (struct bans){0};
    while ((rc = read_line(&reader, file, text)) > 0) {
        rc = parse_line(&reader, text);
        if (rc < 0) {
            break;
        }
    }
    if (rc < 0) {
        bans_fini(bans);
        return rc;
    }
    sort(bans);
    return 0;
}

void bans_fini(struct bans *bans)
{
    memory_give(bans->bans);
    memory_give(bans->lifted);
    *bans = (struct bans){0};
}

/* Among those of one length. */
static const struct ban *find_network(const struct bans *bans, const struct network *network)
{
    uint32_t low = bans->first[network->bits];
    uint32_t high = bans->first[network->bits + 1];

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(&bans->bans[middle].network.first, &network->first, sizeof(struct host));

        if (order == 0) {
            return &bans->bans[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct ban *bans_find(const struct bans *bans, const struct host *host, uint64_t now_ns)
{
    for (uint32_t bits = host_is_ipv4(host) ? NETWORK_IPV4_BITS : 0; bits < BAN_LENGTHS; bits++) {
        if (bans->first[bits] == bans->first[bits + 1]) {
            continue;
        }

        struct network network = network_around(host, (uint8_t)bits);
        const struct ban *ban = find_network(bans, &network);

        if (ban != NULL && ban->until_ns > now_ns) {
            return ban;
        }
    }
    return NULL;
}

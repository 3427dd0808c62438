/* Values to and from text: one small reader for each type of the table. */
#include "base/check.h"
#include "base/clock.h"
#include "daemon/config_internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>

/* A unit's suffixes from the smallest to the largest; the first one with an empty suffix needs none. */
struct suffix {
    const char *text;
    uint64_t factor;
};

static const struct suffix count_suffixes[] = {{"", 1}, {NULL, 0}};
static const struct suffix bytes_suffixes[] = {
    {"", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {NULL, 0}};
static const struct suffix ns_suffixes[] = {
    {"ms", NS_PER_MS}, {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {NULL, 0}};

static const struct unit {
    const struct suffix *suffixes;
    const char *refusal;
} units[] = {
    [CONFIG_COUNT] = {count_suffixes, "not a whole number (write it like 1000, without a unit)"},
    [CONFIG_BYTES] = {bytes_suffixes, "not a size (write it like 4096, 64KiB, 1MiB or 2GiB)"},
    [CONFIG_NS] = {ns_suffixes, "not a duration (write it like 250ms, 2s or 5m)"},
};

__attribute__((format(printf, 3, 4))) static int refuse(char *why, size_t why_size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* `size` decimal digits; what does not fit becomes UINT64_MAX, which is above the most of every key. */
static uint64_t read_digits(const char *text, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');

        if (value > (UINT64_MAX - digit) / 10) {
            return UINT64_MAX;
        }
        value = value * 10 + digit;
    }
    return value;
}

/* The field's bytes are written by their size alone, so that one reader serves every struct of the table. */
static void store_number(const struct config_key *key, void *object, uint64_t value)
{
    char *field = (char *)object + key->offset;
    uint32_t value32 = (uint32_t)value;
    bool value_flag = value != 0;

    if (key->type == CONFIG_FLAG) {
        CHECK(key->size == sizeof(value_flag));
        memcpy(field, &value_flag, sizeof(value_flag));
    } else if (key->size == sizeof(value32)) {
        CHECK(value <= UINT32_MAX);
        memcpy(field, &value32, sizeof(value32));
    } else {
        CHECK(key->size == sizeof(value));
        memcpy(field, &value, sizeof(value));
    }
}

uint64_t config_value_number(const struct config_key *key, const void *object)
{
    const char *field = (const char *)object + key->offset;
    uint64_t value = 0;
    uint32_t value32 = 0;
    bool value_flag = false;

    CHECK(key->type == CONFIG_NUMBER || key->type == CONFIG_CHOICE || key->type == CONFIG_FLAG);
    if (key->type == CONFIG_FLAG) {
        memcpy(&value_flag, field, sizeof(value_flag));
        return value_flag;
    }
    if (key->size == sizeof(value32)) {
        memcpy(&value32, field, sizeof(value32));
        return value32;
    }
    CHECK(key->size == sizeof(value));
    memcpy(&value, field, sizeof(value));
    return value;
}

/* A number in its unit, in or out of range. */
static int read_number(enum config_unit unit, const char *text, uint64_t *value, char *why, size_t why_size)
{
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;

    if (digits == 0) {
        return refuse(why, why_size, "%s", units[unit].refusal);
    }
    uint64_t count = read_digits(text, digits);
    for (const struct suffix *suffix = units[unit].suffixes; suffix->text != NULL; suffix++) {
        if (strcmp(rest, suffix->text) == 0) {
            *value = count > UINT64_MAX / suffix->factor ? UINT64_MAX : count * suffix->factor;
            return 0;
        }
    }
    if (*rest == '\0' && count == 0) {
        *value = 0; /* nothing is nothing in any unit */
        return 0;
    }
    if (*rest == '\0') {
        return refuse(why, why_size, "no unit (write it like 250ms, 2s or 5m)");
    }
    return refuse(why, why_size, "%s", units[unit].refusal);
}

static int read_ranged(const struct config_key *key, void *object, const char *text, char *why,
                       size_t why_size)
{
    char bound[CONFIG_VALUE_TEXT_BYTES];
    uint64_t value = 0;
    int result = read_number(key->unit, text, &value, why, why_size);

    if (result < 0) {
        return result;
    }
    if (value < key->least && !(value == 0 && key->is_zero_allowed)) {
        config_number_print(key->unit, key->least, bound, sizeof(bound));
        return refuse(why, why_size, "below the least, %s", bound);
    }
    if (value > key->most) {
        config_number_print(key->unit, key->most, bound, sizeof(bound));
        return refuse(why, why_size, "above the most, %s", bound);
    }
    store_number(key, object, value);
    return 0;
}

static int read_choice(const struct config_key *key, void *object, const char *text, char *why,
                       size_t why_size)
{
    char list[CONFIG_VALUE_TEXT_BYTES] = "";

    for (size_t i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(text, key->choices[i]) == 0) {
            store_number(key, object, i);
            return 0;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", key->choices[i]);
    }
    return refuse(why, why_size, "not one of %s", list);
}

static int read_flag(const struct config_key *key, void *object, const char *text, char *why, size_t why_size)
{
    bool is_yes = strcmp(text, "yes") == 0;

    if (!is_yes && strcmp(text, "no") != 0) {
        return refuse(why, why_size, "not yes or no");
    }
    store_number(key, object, is_yes);
    return 0;
}

static int read_text(const struct config_key *key, void *object, const char *text, char *why, size_t why_size)
{
    size_t size = strlen(text);

    if (size >= key->size) {
        return refuse(why, why_size, "longer than %zu bytes", key->size - 1);
    }
    memcpy((char *)object + key->offset, text, size + 1);
    return 0;
}

static int read_line(const struct config_key *key, void *object, const char *text, char *why, size_t why_size)
{
    if (!config_text_is_line(text)) {
        return refuse(why, why_size, "not printable UTF-8");
    }
    return read_text(key, object, text, why, why_size);
}

/* Whether `text` is HOST:PORT or [IPV6]:PORT; `*why_not` is what is wrong. */
static bool is_ip_address(const char *text, const char **why_not)
{
    const char *colon = strrchr(text, ':');
    bool is_bracketed = text[0] == '[';
    char host[INET6_ADDRSTRLEN];
    struct in6_addr address;

    *why_not = "not an address";
    if (colon == NULL || (is_bracketed && colon[-1] != ']')) {
        return false;
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0' ||
        read_digits(colon + 1, digits) > UINT16_MAX) {
        *why_not = "the port is not a number from 0 to 65535";
        return false;
    }
    size_t host_size = (size_t)(colon - text) - (is_bracketed ? 2 : 0);
    *why_not = "the host is not a numeric address";
    if (host_size >= sizeof(host)) {
        return false;
    }
    memcpy(host, text + (is_bracketed ? 1 : 0), host_size);
    host[host_size] = '\0';
    return inet_pton(is_bracketed ? AF_INET6 : AF_INET, host, &address) == 1;
}

int config_add_listen(struct server_config *server, const char *address, char *error, size_t error_size)
{
    static const char unix_prefix[] = "unix:";
    const size_t path_max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    const char *why_not = NULL;

    if (server->listen_count == CONFIG_LISTEN_MAX) {
        return refuse(error, error_size, "more than %d addresses", CONFIG_LISTEN_MAX);
    }
    if (strncmp(address, unix_prefix, strlen(unix_prefix)) == 0) {
        size_t path_size = strlen(address) - strlen(unix_prefix);

        if (path_size == 0 || path_size > path_max) {
            return refuse(error, error_size, "the path of a socket has 1 to %zu bytes", path_max);
        }
    } else if (!is_ip_address(address, &why_not)) {
        return refuse(error, error_size,
                      "%s (write it like 127.0.0.1:7777, [::1]:7777 or unix:/run/roomd.sock)", why_not);
    }
    size_t size = strlen(address);
    CHECK(size <= CONFIG_LISTEN_BYTES_MAX);
    memcpy(server->listen[server->listen_count++], address, size + 1);
    return 0;
}

static int read_networks(const struct config_key *key, void *object, const char *text, char *why,
                         size_t why_size)
{
    static const char blanks[] = " \t";
    struct network_list list = {.count = 0};

    CHECK(key->size == sizeof(list));
    for (text += strspn(text, blanks); *text != '\0'; text += strspn(text, blanks)) {
        char word[NETWORK_TEXT_BYTES];
        size_t size = strcspn(text, blanks);
        int rc = -EINVAL;

        if (list.count == NETWORKS_MAX) {
            return refuse(why, why_size, "more than %d networks", NETWORKS_MAX);
        }
        if (size < sizeof(word)) {
            memcpy(word, text, size);
            word[size] = '\0';
            rc = network_parse(&list.networks[list.count++], word);
        }
        if (rc == -EDOM) {
            return refuse(why, why_size,
                          "bits are set behind the network's own (10.0.0.0/8, not 10.0.0.1/8)");
        }
        if (rc < 0) {
            return refuse(why, why_size, "not networks (write them like 10.0.0.0/8 192.0.2.7 2001:db8::/32)");
        }
        text += size;
    }
    memcpy((char *)object + key->offset, &list, sizeof(list));
    return 0;
}

int config_value_read(const struct config_key *key, void *object, const char *text, char *why,
                      size_t why_size)
{
    if (text[0] == '\0' && key->type != CONFIG_PATH && key->type != CONFIG_LINE &&
        key->type != CONFIG_NETWORKS) {
        return refuse(why, why_size, "no value");
    }
    switch (key->type) {
    case CONFIG_ADDRESSES:
        return config_add_listen(object, text, why, why_size);
    case CONFIG_NETWORKS:
        return read_networks(key, object, text, why, why_size);
    case CONFIG_TEXT:
    case CONFIG_PATH:
        return read_text(key, object, text, why, why_size);
    case CONFIG_LINE:
        return read_line(key, object, text, why, why_size);
    case CONFIG_CHOICE:
        return read_choice(key, object, text, why, why_size);
    case CONFIG_FLAG:
        return read_flag(key, object, text, why, why_size);
    case CONFIG_NUMBER:
        break;
    }
    return read_ranged(key, object, text, why, why_size);
}

void config_number_print(enum config_unit unit, uint64_t value, char *out, size_t out_size)
{
    const struct suffix *largest = NULL;

    for (const struct suffix *suffix = units[unit].suffixes; suffix->text != NULL; suffix++) {
        if (value % suffix->factor == 0) {
            largest = suffix;
        }
    }
    if (value == 0) {
        snprintf(out, out_size, "0");
    } else if (largest == NULL) {
        snprintf(out, out_size, "%" PRIu64 "ns", value); /* finer than a file can say */
    } else {
        snprintf(out, out_size, "%" PRIu64 "%s", value / largest->factor, largest->text);
    }
}

static void print_addresses(const struct server_config *server, char *out, size_t out_size)
{
    size_t used = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < server->listen_count && used < out_size; i++) {
        int wrote = snprintf(out + used, out_size - used, "%s%s", i == 0 ? "" : " ", server->listen[i]);

        used += wrote < 0 ? 0 : (size_t)wrote;
    }
}

static void print_networks(const struct config_key *key, const void *object, char *out, size_t out_size)
{
    struct network_list list;
    size_t used = 0;

    memcpy(&list, (const char *)object + key->offset, sizeof(list));
    out[0] = '\0';
    for (uint32_t i = 0; i < list.count && used < out_size; i++) {
        char text[NETWORK_TEXT_BYTES];

        used += (size_t)snprintf(out + used, out_size - used, "%s%s", i == 0 ? "" : " ",
                                 network_format(&list.networks[i], text));
    }
}

void config_value_print(const struct config_key *key, const void *object, char *out, size_t out_size)
{
    switch (key->type) {
    case CONFIG_NETWORKS:
        print_networks(key, object, out, out_size);
        break;
    case CONFIG_ADDRESSES:
        print_addresses(object, out, out_size);
        break;
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_LINE:
        snprintf(out, out_size, "%s", (const char *)object + key->offset);
        break;
    case CONFIG_CHOICE:
        snprintf(out, out_size, "%s", key->choices[config_value_number(key, object)]);
        break;
    case CONFIG_FLAG:
        snprintf(out, out_size, "%s", config_value_number(key, object) != 0 ? "yes" : "no");
        break;
    case CONFIG_NUMBER:
        config_number_print(key->unit, config_value_number(key, object), out, out_size);
        break;
    }
}

void config_section_default(enum config_section section, void *object)
{
    char why[CONFIG_VALUE_TEXT_BYTES];

    memset(object, 0, section == CONFIG_SERVER ? sizeof(struct server_config) : sizeof(struct room_config));
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];

        if (config_key_is_in(key, section)) {
            CHECK(config_value_read(key, object, key->default_text, why, sizeof(why)) == 0);
        }
    }
}

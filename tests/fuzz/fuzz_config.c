/*
 * Configurations. Whatever is taken must hold what config.h says of one, and must come out the same when it is written
 * down and read again; whatever is refused must be so in one printable line that begins with the file's name, and leave
 * nothing. Contents are bound where that needs no file: where all of them are bundled, or where there is no module_dir.
 *
 * Input: the file.
 */
#include "fuzz_file.h"

#include "base/memory.h"
#include "content/host.h"
#include "daemon/config_internal.h"
#include "net/address.h"

#include <stdbool.h>

enum {
    PRINTED_BYTES = NETWORKS_MAX * (NETWORK_TEXT_BYTES + 1),
    REWRITTEN_MAX = 64, /* rooms and templates of a file that is written down again */
    SMALL_ERROR_BYTES_MAX = 64
};

static int parse(struct config *config, struct fuzz_file file, char *error, size_t error_size)
{
    FILE *stream = fuzz_file_open(&file);
    const int rc = config_parse(config, "f", stream, error, error_size);

    fclose(stream);
    return rc;
}

/* ---- what is refused ---- */

static void check_empty(const struct config *config)
{
    static const struct config empty;

    CHECK(memcmp(config, &empty, sizeof(empty)) == 0);
}

static void check_error(const char *error)
{
    CHECK(strncmp(error, "f:", 2) == 0 && strlen(error) < CONFIG_ERROR_BYTES - 1);
    CHECK(config_text_is_line(error));
}

/* Where there is less room for the error it is the same, cut off. */
static void check_small_error(const uint8_t *data, size_t size, int rc, const char *error)
{
    const size_t room = 1 + size % SMALL_ERROR_BYTES_MAX;
    const size_t wanted = strlen(error) < room ? strlen(error) : room - 1;
    char *small = malloc(room);
    struct config config;

    CHECK(small != NULL);
    CHECK(parse(&config, (struct fuzz_file){.bytes = data, .size = size}, small, room) == rc);
    CHECK(strlen(small) == wanted && memcmp(small, error, wanted) == 0);
    check_empty(&config);
    free(small);
}

/* A file of which only a part can be read is not taken, however good that part is. */
static void check_unreadable(const uint8_t *data, size_t size, int rc)
{
    char error[CONFIG_ERROR_BYTES] = "";
    struct config config;
    const struct fuzz_file half = {.bytes = data, .size = size / 2, .fails = 1};
    const int half_rc = parse(&config, half, error, sizeof(error));

    CHECK(half_rc == -EIO || (half_rc == -EINVAL && rc == -EINVAL));
    check_empty(&config);
    check_error(error);
}

/* ---- what is taken ---- */

static void check_numbers(enum config_section section, const void *object)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];

        if (config_key_is_in(key, section) && key->type == CONFIG_NUMBER) {
            const uint64_t value = config_value_number(key, object);

            CHECK(value <= key->most && (value >= key->least || (value == 0 && key->is_zero_allowed)));
        }
    }
}

static void check_server(const struct server_config *server)
{
    struct address address;

    check_numbers(CONFIG_SERVER, server);
    CHECK(server->input_burst >= server->frame_bytes_max);
    CHECK(server->listen_count >= 1 && server->listen_count <= CONFIG_LISTEN_MAX);
    for (uint32_t i = 0; i < server->listen_count; i++) {
        CHECK(address_parse(&address, server->listen[i]) == 0);
    }
    CHECK(config_text_is_line(server->announcement) && config_text_is_line(server->run_as));
}

static void check_room(const struct config *config, const struct room_config *room, bool is_template)
{
    check_numbers(is_template ? CONFIG_TEMPLATE : CONFIG_ROOM, room);
    CHECK(room->is_template == is_template && !(is_template && room->is_autojoin));
    CHECK(strnlen(room->name, sizeof(room->name)) < sizeof(room->name));
    CHECK(config_text_is_printable(room->name) && room->content[0] != '\0');
    CHECK(room->early_flush_bytes <= room->outbox_bytes_max);
    CHECK(room->job_bytes_max >= (uint64_t)CONFIG_FRAMES_PER_JOB_QUEUE * config->server.frame_bytes_max);
    CHECK(room->input_burst == 0 || room->input_burst >= config->server.frame_bytes_max);
    CHECK(room->setting_count <= CONFIG_SETTINGS_MAX && room->line >= 1 && room->content_line >= room->line);
    for (uint32_t i = 0; i < room->setting_count; i++) {
        CHECK(room->setting_lines[i] > (i == 0 ? room->line : room->setting_lines[i - 1]));
        for (uint32_t before = 0; before < i; before++) {
            CHECK(strcmp(room->settings[i].key, room->settings[before].key) != 0);
        }
    }
}

static void check_rooms(const struct config *config)
{
    const uint32_t count = config->room_count + config->template_count;
    const struct room_config **sorted = config_sort_rooms(config, true);
    uint32_t autojoins = 0;

    CHECK(config->room_count >= 1 && config->room_count <= config->server.rooms_max && sorted != NULL);
    for (uint32_t i = 0; i < count; i++) {
        check_room(config, sorted[i], sorted[i]->is_template);
        CHECK(i == 0 || strcmp(sorted[i - 1]->name, sorted[i]->name) < 0); /* no name twice */
        autojoins += sorted[i]->is_autojoin;
    }
    CHECK(autojoins <= 1);
    memory_give(sorted);
}

/* ---- written down again ---- */

/* Lines end in CR and LF: a value may itself end in a CR. Behind a blank a # would begin a comment. */
static void write_section(FILE *out, enum config_section section, const void *object)
{
    char text[PRINTED_BYTES];

    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];

        if (config_key_is_in(key, section) && key->type != CONFIG_ADDRESSES) {
            config_value_print(key, object, text, sizeof(text));
            fprintf(out, "%s=%s\r\n", key->name, text);
        }
    }
}

static void write_room(FILE *out, const struct room_config *room)
{
    fprintf(out, "[%s %s]\r\n", room->is_template ? "template" : "room", room->name);
    write_section(out, room->is_template ? CONFIG_TEMPLATE : CONFIG_ROOM, room);
    for (uint32_t i = 0; i < room->setting_count; i++) {
        fprintf(out, "%s=%s\r\n", room->settings[i].key, room->settings[i].value);
    }
}

static char *write_config(const struct config *config, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);

    CHECK(out != NULL);
    fputs("[server]\r\n", out);
    for (uint32_t i = 0; i < config->server.listen_count; i++) {
        fprintf(out, "listen=%s\r\n", config->server.listen[i]);
    }
    write_section(out, CONFIG_SERVER, &config->server);
    for (uint32_t i = 0; i < config->room_count; i++) {
        write_room(out, &config->rooms[i]);
    }
    for (uint32_t i = 0; i < config->template_count; i++) {
        write_room(out, &config->templates[i]);
    }
    CHECK(fclose(out) == 0);
    return text;
}

/* A network may be longer as it is written down than as it was given. */
static bool has_long_line(const char *text)
{
    for (size_t size; *text != '\0'; text += size + (text[size] == '\n')) {
        size = strcspn(text, "\n");
        if (size > CONFIG_LINE_BYTES_MAX) {
            return true;
        }
    }
    return false;
}

static void check_rewritten(const struct config *config)
{
    char error[CONFIG_ERROR_BYTES] = "";
    size_t size;
    size_t again_size;
    char *text = write_config(config, &size);
    struct config again;

    if (!has_long_line(text)) {
        CHECK(parse(&again, (struct fuzz_file){.bytes = (const uint8_t *)text, .size = size}, error,
                    sizeof(error)) == 0);
        char *again_text = write_config(&again, &again_size);

        CHECK(again_size == size && memcmp(again_text, text, size) == 0);
        CHECK(config_check_reload(config, &again, error, sizeof(error)) == 0);
        free(again_text);
        config_fini(&again);
    }
    free(text);
}

/* ---- bound to its contents ---- */

static bool needs_no_file(const struct config *config, const struct room_config *room)
{
    return content_find(room->content) != NULL ||
           (strchr(room->content, '/') == NULL && config->server.module_dir[0] == '\0');
}

static bool all_need_no_file(const struct config *config)
{
    bool is_so = true;

    for (uint32_t i = 0; i < config->room_count; i++) {
        is_so = is_so && needs_no_file(config, &config->rooms[i]);
    }
    for (uint32_t i = 0; i < config->template_count; i++) {
        is_so = is_so && needs_no_file(config, &config->templates[i]);
    }
    return is_so;
}

static void check_bound(struct config *config)
{
    char error[CONFIG_ERROR_BYTES] = "";
    const int rc = config_bind(config, "f", error, sizeof(error));

    if (rc < 0) {
        CHECK(rc == -EINVAL);
        check_error(error);
        return;
    }
    for (uint32_t i = 0; i < config->room_count; i++) {
        CHECK(config->rooms[i].module == content_find(config->rooms[i].content));
    }
    CHECK(config_check_reload(config, config, error, sizeof(error)) == 0);
}

static void check_taken(struct config *config)
{
    check_server(&config->server);
    check_rooms(config);
    if (config->room_count + config->template_count <= REWRITTEN_MAX) {
        check_rewritten(config);
    }
    if (all_need_no_file(config)) {
        check_bound(config);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[CONFIG_ERROR_BYTES] = "";
    struct config config;
    const int rc = parse(&config, (struct fuzz_file){.bytes = data, .size = size}, error, sizeof(error));

    if (rc == 0) {
        check_taken(&config);
        config_fini(&config);
    } else {
        CHECK(rc == -EINVAL);
        check_error(error);
        check_small_error(data, size, rc, error);
    }
    check_empty(&config);
    check_unreadable(data, size, rc);
    return 0;
}

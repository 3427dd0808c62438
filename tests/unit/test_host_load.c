/* Modules from shared objects, compiled here in every right and wrong way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "content/host.h"
#include "support/process.h"

enum { COMPILE_MS = 30000 };

/* What each -D changes is what it is named after. */
static const char source[] =
    "#include <roomd/content.h>\n"
    "static int m_open(const struct roomd_host *host, struct roomd_room *room, void **state)\n"
    "{ (void)host; (void)room; (void)state; return 0; }\n"
    "static void m_close(void *state) { (void)state; }\n"
    "static enum roomd_packet_result m_packet(void *state, uint64_t session, uint16_t id, const uint8_t "
    "*payload,\n"
    "                                         size_t bytes)\n"
    "{ (void)state; (void)session; (void)id; (void)payload; (void)bytes; return ROOMD_PACKET_OK; }\n"
    "static int m_save(void *state, void *out, size_t size, size_t *bytes)\n"
    "{ (void)state; (void)out; (void)size; *bytes = 0; return 0; }\n"
    "#ifndef ABI\n#define ABI ROOMD_CONTENT_ABI\n#endif\n"
    "#ifndef SIZE\n#define SIZE sizeof(table)\n#endif\n"
    "#ifndef NAME\n#define NAME \"made\"\n#endif\n"
    "#ifndef OPEN\n#define OPEN m_open\n#endif\n"
    "#ifndef CLOSE\n#define CLOSE m_close\n#endif\n"
    "#ifndef PACKET\n#define PACKET m_packet\n#endif\n"
    "#ifndef SAVE\n#define SAVE NULL\n#endif\n"
    "#ifndef ENTRY\n#define ENTRY roomd_module\n#endif\n"
    "#ifndef RESULT\n#define RESULT &table\n#endif\n"
    "#ifndef OPTIONS\n#define OPTIONS {\"depth\", \"2\", \"how deep\", ROOMD_OPTION_NUMBER, 1, 1, "
    "9}\n#endif\n"
    "static const struct roomd_option options[] = {OPTIONS, {NULL, NULL, NULL, 0, 0, 0, 0}};\n"
    "static const struct roomd_content table = {.abi = ABI, .size = SIZE, .name = NAME, .open = OPEN,\n"
    "    .close = CLOSE, .packet = PACKET, .options = options, .save = SAVE};\n"
    "const struct roomd_content *ENTRY(void);\n"
    "const struct roomd_content *ENTRY(void) { return RESULT; }\n";

static char directory[64];
static char error[512];

static void path_of(const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", directory, name);
}

/* directory/NAME.so; `define` is one -D. */
static void compile(const char *name, const char *define)
{
    char out[128];
    char in[128];
    struct process_result result;

    snprintf(out, sizeof(out), "%s/%s.so", directory, name);
    path_of("module.c", in, sizeof(in));

    const char *const argv[] = {"/usr/bin/env", "cc", "-shared", "-fPIC", "-I", ROOMD_SOURCE_DIR "/include",
                                define,         "-o", out,       in,      NULL};

    process_run(&result, argv, COMPILE_MS);
    if (result.exit_status != 0) {
        fail_msg("%s: %s", define, result.err);
    }
    process_result_free(&result);
}

static const struct roomd_content *load(const char *name)
{
    error[0] = '\0';
    return content_load(name, directory, directory, error, sizeof(error));
}

/* The module of that -D is refused, and the line says which file and why. */
static void expect_refused(const char *define, const char *why)
{
    char path[128];

    compile("bad", define);
    path_of("./bad.so", path, sizeof(path));
    if (load("./bad.so") != NULL) {
        fail_msg("%s was taken", define);
    }
    if (strncmp(error, path, strlen(path)) != 0 || strstr(error, why) == NULL) {
        fail_msg("%s: \"%s\" does not say %s: %s", define, error, path, why);
    }
    assert_null(strchr(error, '\n'));
}

static int setup(void **state)
{
    char path[128];
    FILE *file;

    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/roomd-test-XXXXXX");
    assert_non_null(mkdtemp(directory));
    path_of("module.c", path, sizeof(path));
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(source, file) >= 0);
    fclose(file);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"module.c", "bad.so",  "good.so",  "same.so",
                                        "text.so",  "chat.so", "small.so", "large.so"};
    char path[128];

    (void)state;
    content_unload_all();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(names[i], path, sizeof(path));
        unlink(path);
    }
    return rmdir(directory);
}

static void bundled_names_come_first(void **state)
{
    (void)state;
    compile("chat", "-DGOOD");
    assert_ptr_equal(load("chat"), content_find("chat"));
    assert_string_equal(load("./chat.so")->name, "made"); /* with a path it is the file */
    assert_null(content_find("made"));
    assert_null(content_find(""));
    assert_string_equal(content_find("field")->name, "field");
    assert_string_equal(content_find("town")->name, "town");
    assert_string_equal(content_find("dungeon")->name, "dungeon");
}

static void a_file_is_found_by_path_and_by_name_and_loaded_once(void **state)
{
    char path[128];
    char link[128];
    const struct roomd_content *content;

    (void)state;
    compile("good", "-DGOOD");
    content = load("good");
    assert_non_null(content);
    assert_string_equal(content->name, "made");
    assert_int_equal(content->size, sizeof(*content));
    assert_string_equal(content->options[0].key, "depth");
    assert_null(content->restore);
    assert_ptr_equal(load("./good.so"), content);
    path_of("good.so", path, sizeof(path));
    assert_ptr_equal(content_load(path, "/nowhere", NULL, error, sizeof(error)), content);
    path_of("same.so", link, sizeof(link));
    assert_int_equal(symlink(path, link), 0);
    assert_ptr_equal(load("same"), content);
    content_unload_all();
    assert_null(dlopen(path, RTLD_NOW | RTLD_NOLOAD)); /* every reference was given back */
    assert_string_equal(load("good")->name, "made");
}

static void what_is_not_there_is_named(void **state)
{
    char path[128];
    FILE *file;

    (void)state;
    assert_null(load("nothing"));
    assert_non_null(strstr(error, "/nothing.so: "));
    assert_null(content_load("nothing", directory, NULL, error, sizeof(error)));
    assert_non_null(strstr(error, "nothing: no such content"));
    assert_null(content_load("nothing", directory, "", error, sizeof(error)));
    assert_null(load(""));
    assert_null(content_load("./nothing.so", NULL, NULL, error, sizeof(error)));
    assert_non_null(strstr(error, "././nothing.so: "));
    path_of("text.so", path, sizeof(path));
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("not a shared object, however long its text may be\n", file);
    fclose(file);
    assert_null(load("text"));
    assert_int_equal(strncmp(error, path, strlen(path)), 0);

    char *deep = calloc(1, 8192);

    memset(deep, '/', 8000);
    assert_null(load(deep));
    assert_non_null(strstr(error, "too long"));
    free(deep);
}

static void a_wrong_table_is_refused_with_what_was_found(void **state)
{
    (void)state;
    expect_refused("-DENTRY=other_module", "does not export roomd_module");
    expect_refused("-DRESULT=NULL", "roomd_module gives nothing");
    expect_refused("-DABI=7", "made for version 7 of the content ABI, this server has version 1");
    expect_refused("-DABI=0", "version 0 of");
    expect_refused("-DSIZE=offsetof(struct roomd_content,tick)", "its table has 56 bytes");
    expect_refused("-DSIZE=0", "its table has 0 bytes, version 1 of the content ABI at least 64 bytes");
    expect_refused("-DOPEN=NULL", "lacks name, open, close or packet");
    expect_refused("-DCLOSE=NULL", "lacks name, open, close or packet");
    expect_refused("-DPACKET=NULL", "lacks name, open, close or packet");
    expect_refused("-DNAME=NULL", "lacks name, open, close or packet");
    expect_refused("-DSAVE=m_save", "save and restore");
}

static void a_wrong_name_is_refused(void **state)
{
    (void)state;
    expect_refused("-DNAME=\"\"", "a name that is none");
    expect_refused("-DNAME=\"a b\"", "a name that is none");
    expect_refused("-DNAME=\"a\\001\"", "a name that is none");
    expect_refused("-DNAME=\"a\\377\"", "a name that is none");
    expect_refused("-DNAME=\"a=b\"", "a name that is none");
    expect_refused("-DNAME=\"a234567890123456789012345678901234567890123456789012345678901234x\"",
                   "a name that is none");
    compile("good", "-DNAME=\"a23456789012345678901234567890123456789012345678901234567890123x\"");
    assert_non_null(load("./good.so"));
}

static void a_wrong_option_is_refused(void **state)
{
    (void)state;
    expect_refused("-DOPTIONS={\"\",\"\",\"\"}", "key");
    expect_refused("-DOPTIONS={\"Depth\",\"\",\"\"}", "key");
    expect_refused("-DOPTIONS={\"a b\",\"\",\"\"}", "key");
    expect_refused("-DOPTIONS={\"a\",\"\",\"\"},{\"b\",\"\",\"\"},{\"a\",\"\",\"\"}",
                   "two options of one key");
    expect_refused("-DOPTIONS={\"a\",\"\",\"\",3}", "a kind");
    expect_refused("-DOPTIONS={\"a\",NULL,\"\"}", "without a default");
    expect_refused("-DOPTIONS={\"a\",\"\",NULL}", "a help text");
    expect_refused("-DOPTIONS={\"a\",\"Yes\",\"\",ROOMD_OPTION_FLAG}", "default is not of its kind");
    expect_refused("-DOPTIONS={\"a\",\"\",\"\",ROOMD_OPTION_NUMBER,0,0,9}", "default is not of its kind");
    expect_refused("-DOPTIONS={\"a\",\"10\",\"\",ROOMD_OPTION_NUMBER,0,0,9}", "default is not of its kind");
    expect_refused("-DOPTIONS={\"a\",\"-1\",\"\",ROOMD_OPTION_NUMBER,0,0,9}", "default is not of its kind");
    expect_refused("-DOPTIONS={\"a\",\"1e0\",\"\",ROOMD_OPTION_NUMBER,0,0,9}", "default is not of its kind");
    expect_refused("-DOPTIONS={\"a\",\"1.5x\",\"\",ROOMD_OPTION_NUMBER,0,0,9}", "default is not of its kind");
    expect_refused("-DOPTIONS={\"a\",\"1\",\"\",ROOMD_OPTION_NUMBER,0,9,0}", "without a least and a most");
    expect_refused("-DOPTIONS={\"a\",\"1\",\"\",ROOMD_OPTION_NUMBER,0,0,__builtin_inf()}",
                   "without a least and a most");
    compile("good", "-DOPTIONS={\"a_1\",\"no\",\"\",ROOMD_OPTION_FLAG},"
                    "{\"b\",\"-1.5\",\"\",ROOMD_OPTION_NUMBER,0,-2,9},{\"c\",\"\",\"\"}");
    assert_non_null(load("./good.so"));
}

/* An older table lacks the last callbacks, a newer one has more than this server knows: both are good. */
static void a_table_of_another_size_is_read_as_far_as_both_know(void **state)
{
    const struct roomd_content *small;

    (void)state;
    compile("small", "-DSIZE=offsetof(struct roomd_content,options)");
    small = load("small");
    assert_non_null(small);
    assert_non_null(small->packet);
    assert_null(small->options); /* although something lies there in its file */
    assert_null(small->save);
    assert_int_equal(small->size, sizeof(*small));
    compile("large", "-DSIZE=4096");
    assert_non_null(load("large"));
    assert_string_equal(load("large")->options[0].key, "depth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bundled_names_come_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_found_by_path_and_by_name_and_loaded_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_table_is_refused_with_what_was_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_name_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_option_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_of_another_size_is_read_as_far_as_both_know, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

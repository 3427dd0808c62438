#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/un.h>

/* The source itself: the load tool, which tests link too, has an address_parse of its own. */
#include "net/address.c"

enum { UNIX_PATH_BYTES_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

static void what_is_written_reads_the_same(void **state)
{
    static const char *const texts[] = {
        "127.0.0.1:7777", "0.0.0.0:0",          "255.255.255.255:65535", "[::1]:7777",
        "[::]:0",         "[2001:db8::1]:1234", "unix:/run/roomd.sock",  "unix:relative",
        "unix:@",         "unix:/with space:1", "[::ffff:1.2.3.4]:80"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address address;
        char text[ADDRESS_TEXT_BYTES];

        assert_int_equal(address_parse(&address, texts[i]), 0);
        assert_string_equal(address_format(&address, text), texts[i]);
    }
}

static void the_kernel_is_told_the_right_thing(void **state)
{
    struct address address;
    const struct sockaddr_in *sin = (const struct sockaddr_in *)&address.storage;
    const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)&address.storage;
    const struct sockaddr_un *sun = (const struct sockaddr_un *)&address.storage;

    (void)state;
    assert_int_equal(address_parse(&address, "127.0.0.2:4660"), 0);
    assert_int_equal(sin->sin_family, AF_INET);
    assert_int_equal(sin->sin_port, htons(0x1234));
    assert_int_equal(sin->sin_addr.s_addr, htonl(0x7f000002));
    assert_int_equal(address.bytes, sizeof(*sin));
    assert_int_equal(address_parse(&address, "[::1]:4660"), 0);
    assert_int_equal(sin6->sin6_family, AF_INET6);
    assert_int_equal(sin6->sin6_port, htons(0x1234));
    assert_memory_equal(&sin6->sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback));
    assert_int_equal(address.bytes, sizeof(*sin6));
    assert_int_equal(address_parse(&address, "unix:/a"), 0);
    assert_int_equal(sun->sun_family, AF_UNIX);
    assert_string_equal(sun->sun_path, "/a");
    assert_int_equal(address.bytes, offsetof(struct sockaddr_un, sun_path) + 3);
}

static void what_is_no_numeric_address_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        ":",
                                        "7777",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:99999",
                                        "127.0.0.1:100000",
                                        "127.0.0.1:4294967297",
                                        "127.0.0.1:-1",
                                        "127.0.0.1:+1",
                                        "127.0.0.1: 1",
                                        "127.0.0.1:1 ",
                                        "127.0.0.1:0x1",
                                        "127.0.0.1:80:80",
                                        " 127.0.0.1:80",
                                        "127.0.0.256:80",
                                        "127.1:80",
                                        "1234567890123456789012345678901234567890:80",
                                        "localhost:80",
                                        ":80",
                                        "*:80",
                                        "::1:80",
                                        "[::1]",
                                        "[::1]:",
                                        "[::1]80",
                                        "[::1:80",
                                        "[]:80",
                                        "[127.0.0.1]:80",
                                        "[::1%lo]:80",
                                        "[1234567890123456789012345678901234567890123456789]:80",
                                        "unix:",
                                        "UNIX:/a",
                                        "unix"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address address;

        if (address_parse(&address, texts[i]) != -EINVAL) {
            fail_msg("\"%s\" was taken for an address", texts[i]);
        }
    }
}

/* The longest path has its NUL in the kernel's structure and fits the text; one byte more is refused. */
static void a_path_fits_or_is_refused(void **state)
{
    char wanted[5 + UNIX_PATH_BYTES_MAX + 2] = "unix:";
    char text[ADDRESS_TEXT_BYTES];
    struct address address;

    (void)state;
    memset(wanted + 5, 'p', UNIX_PATH_BYTES_MAX);
    assert_int_equal(address_parse(&address, wanted), 0);
    assert_string_equal(address_format(&address, text), wanted);
    wanted[5 + UNIX_PATH_BYTES_MAX] = 'p';
    assert_int_equal(address_parse(&address, wanted), -EINVAL);
}

static void an_address_of_no_kind_is_unknown(void **state)
{
    struct address address = {.bytes = 0};
    char text[ADDRESS_TEXT_BYTES];

    (void)state;
    assert_string_equal(address_format(&address, text), "unknown");
    address.storage.ss_family = AF_UNIX; /* as a peer without a name is told */
    assert_string_equal(address_format(&address, text), "unix:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(the_kernel_is_told_the_right_thing),
        cmocka_unit_test(what_is_no_numeric_address_is_refused),
        cmocka_unit_test(a_path_fits_or_is_refused),
        cmocka_unit_test(an_address_of_no_kind_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

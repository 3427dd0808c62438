/*
 * Whether this is a build with the address sanitizer, for the few places that must then keep out of its way.
 */
#ifndef ROOMD_BASE_ASAN_H
#define ROOMD_BASE_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define ASAN_IS_ON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN_IS_ON 1
#endif
#endif
#ifndef ASAN_IS_ON
#define ASAN_IS_ON 0
#endif

#endif

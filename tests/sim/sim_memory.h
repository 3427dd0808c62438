/*
 * The server's memory. The tests of this folder are linked with the linker's --wrap for malloc and its kin, so that every
 * call of the floors' own code comes through here, and libc's and the sanitizers' does not. So it is with getrandom, which
 * draws on the kernel's seed.
 */
#ifndef TESTS_SIM_SIM_MEMORY_H
#define TESTS_SIM_SIM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Between these two, allocations are the server's and may fail as the kernel's weather and plan say. They may nest. */
void sim_memory_begin(void);
void sim_memory_end(void);
/* Between these two they are not, for a while. They may nest. */
void sim_memory_hold(void);
void sim_memory_release(void);

/* Blocks that live, whoever took them. */
uint64_t sim_memory_blocks(void);

#endif

/*
 * One description for both ways: a function over `struct io` writes what is there, or reads it into its place, so that
 * what is saved and what is restored can't drift apart. What must hold of what is read is said with io_expect; once
 * something does not, the way in has failed, and only zeroes come from then on.
 */
#ifndef ROOMD_CONTENT_WORLD_IO_H
#define ROOMD_CONTENT_WORLD_IO_H

#include "content/world.h"

enum { WORLD_NO_CAMP = UINT16_MAX };

/* One of the two ways. */
struct io {
    struct world *world;
    struct pack *pack;     /* NULL: in */
    struct unpack *unpack; /* NULL: out */
    int error;             /* in: -ENOMEM, or what a service said */
};

bool io_is_in(const struct io *io);
/* Whether the way in has come to nothing. */
bool io_has_failed(const struct io *io);
void io_expect(struct io *io, bool is_sound);

void io_u8(struct io *io, uint8_t *value);
void io_u16(struct io *io, uint16_t *value);
void io_u32(struct io *io, uint32_t *value);
void io_u64(struct io *io, uint64_t *value);
void io_i32(struct io *io, int32_t *value);
void io_f32(struct io *io, float *value); /* in: finite */
void io_bool(struct io *io, bool *value);
void io_past(struct io *io, uint64_t *ms);   /* a moment that has been */
void io_moment(struct io *io, uint64_t *ms); /* one that may be to come, though not for days */
/* What must be in this world as it was in the one that was saved. */
void io_same_u32(struct io *io, uint32_t own);
/* How many follow, each of four bytes or more: `own` on the way out. 0 when the way in has failed. */
uint32_t io_count(struct io *io, uint32_t own);

/* All of an entity but its id and cell. In: its id, kind and the world's counters must be there. */
void io_entity(struct io *io, struct entity *entity);
size_t io_entity_bytes(enum roomd_kind kind);

uint32_t io_monster_types(const struct world *world);
uint32_t io_skill_types(const struct world *world);
uint32_t io_camp_places(const struct world *world);

#endif

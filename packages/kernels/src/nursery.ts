/**
 * Where small storages lie: a fixed stretch of the memory, in blocks that are filled one after the other, again and
 * again. A block whose turn has come is evicted first, unless all in it was released: its bytes go to an ordinary array
 * that only its storages reach, so the dead cost nothing but their part of one copy. What is used again moves into the
 * block at hand.
 */
import type { Arena } from "./arena.ts";
import { NURSERY, NURSERY_BLOCKS, NURSERY_BYTES } from "./scratch.ts";
import { bytesPerElement, Cell, IN_NURSERY, type Storage } from "./storage.ts";

const BLOCK_BYTES = NURSERY_BYTES / NURSERY_BLOCKS;
const ALIGNMENT = 16; // of a vector

export class Nursery {
  private readonly arena: Arena;
  private readonly blocks: Cell[] = [];
  private block!: Cell;
  private turn = -1;
  /** Bytes of the block that are taken. */
  private top = 0;

  constructor(arena: Arena) {
    this.arena = arena;
    this.openBlock();
  }

  /**
   * Gives a storage of at most `SMALL_BYTES` its place; the contents are uninitialised. false where every block has
   * operands of the running call.
   */
  place(storage: Storage): boolean {
    const bytes = roomOf(storage);
    if (this.top + bytes > BLOCK_BYTES && !this.openBlock()) return false;
    this.block.owners++;
    storage.cell = this.block;
    storage.start = this.top;
    this.top += bytes;
    return true;
  }

  /** A storage in the block was released; the last owner leaves it empty, the last that came its own place. */
  leave(block: Cell, storage: Storage): void {
    block.owners--;
    if (block !== this.block) return;
    if (block.owners === 0) this.top = 0;
    else if (storage.start + roomOf(storage) === this.top) this.top = storage.start;
  }

  /** Goes on to the next block without an operand of the running call. */
  private openBlock(): boolean {
    const { arena, blocks } = this;
    let { turn } = this;
    do {
      turn = (turn + 1) % NURSERY_BLOCKS;
      if (turn === this.turn) return false;
    } while (blocks[turn]?.usedAt === arena.tick);
    const address = NURSERY + turn * BLOCK_BYTES;
    const old = blocks[turn];
    if (old !== undefined) {
      if (old.owners > 0) old.evicted = arena.u8.slice(address, address + BLOCK_BYTES).buffer;
      old.address = 0;
    }
    this.block = new Cell(address, IN_NURSERY, BLOCK_BYTES);
    blocks[turn] = this.block;
    this.turn = turn;
    this.top = 0;
    return true;
  }
}

/** Bytes that it takes in a block. */
function roomOf({ length, dtype }: Storage): number {
  return (length * bytesPerElement[dtype] + ALIGNMENT - 1) & -ALIGNMENT;
}

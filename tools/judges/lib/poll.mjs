import { setTimeout as pause } from 'node:timers/promises';

/** Asks again and again until `probe` gives something truthy; past the deadline it says what was missing. */
export async function until(what, probe, { seconds = 15, every = 25 } = {}) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await pause(every);
  }
}

/** `task` over all items, at most `width` at a time. */
export async function each(items, width, task) {
  const left = items[Symbol.iterator]();
  const lane = async () => {
    for (const item of left) await task(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** A binary heap: the first item in an order, again and again, in O(log n). */
export class Heap<T> {
  private items: T[] = [];
  /** `before(a, b)`: a is to come out before b. */
  constructor(private before: (a: T, b: T) => boolean) {}
  get size(): number { return this.items.length; }

  push(item: T): void {
    const { items, before } = this;
    let at = items.push(item) - 1;
    for (let up; at > 0 && before(item, items[(up = (at - 1) >> 1)]); at = up) items[at] = items[up];
    items[at] = item;
  }
  /** Takes the first item out; undefined where there is none. */
  pop(): T | undefined {
    const { items, before } = this, first = items[0], last = items.pop();
    if (items.length === 0 || last === undefined) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < items.length && before(items[child + 1], items[child])) child++;
      if (child >= items.length || !before(items[child], last)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = last;
    return first;
  }
}

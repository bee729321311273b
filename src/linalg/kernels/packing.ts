/**
 * Operands of a product in panels: entry (w, p) of a panel of four lies at 4 p + w, of a panel of six at 6 p + w, so that a
 * register tile reads both of its panels from front to back.
 */
/**
 * Packs a width × depth operand into panels of four, the last one filled up with zeros.
 * @param source entry (w, p) at source + 8 (w across + p along)
 */
export function packFours(to: usize, source: usize, width: i32, depth: i32, across: i32, along: i32): void {
  const acrossBytes = <usize>across << 3;
  const alongBytes = <usize>along << 3;
  const panel = <usize>depth << 5;
  let w = 0;
  if (across == 1) {
    // Eight panels together, so that whole cache lines are read.
    for (; w + 32 <= width; w += 32) {
      let from = source + (<usize>w << 3);
      let out = to + (<usize>(w >> 2)) * panel;
      for (let p = 0; p < depth; p++) {
        let target = out;
        for (let q: usize = 0; q < 256; q += 32) {
          v128.store(target, v128.load(from + q));
          v128.store(target, v128.load(from + q, 16), 16);
          target += panel;
        }
        from += alongBytes;
        out += 32;
      }
    }
    for (; w + 4 <= width; w += 4) {
      let from = source + (<usize>w << 3);
      let out = to + (<usize>(w >> 2)) * panel;
      for (let p = 0; p < depth; p++) {
        v128.store(out, v128.load(from));
        v128.store(out, v128.load(from, 16), 16);
        from += alongBytes;
        out += 32;
      }
    }
  } else {
    for (; w + 4 <= width; w += 4) {
      let r0 = source + <usize>w * acrossBytes;
      let r1 = r0 + acrossBytes;
      let r2 = r1 + acrossBytes;
      let r3 = r2 + acrossBytes;
      let out = to + (<usize>(w >> 2)) * panel;
      let p = 0;
      if (along == 1) {
        for (; p + 2 <= depth; p += 2) {
          const x0 = v128.load(r0);
          const x1 = v128.load(r1);
          const x2 = v128.load(r2);
          const x3 = v128.load(r3);
          v128.store(out, v128.shuffle<f64>(x0, x1, 0, 2));
          v128.store(out, v128.shuffle<f64>(x2, x3, 0, 2), 16);
          v128.store(out, v128.shuffle<f64>(x0, x1, 1, 3), 32);
          v128.store(out, v128.shuffle<f64>(x2, x3, 1, 3), 48);
          r0 += 16;
          r1 += 16;
          r2 += 16;
          r3 += 16;
          out += 64;
        }
      }
      for (; p < depth; p++) {
        store<f64>(out, load<f64>(r0));
        store<f64>(out, load<f64>(r1), 8);
        store<f64>(out, load<f64>(r2), 16);
        store<f64>(out, load<f64>(r3), 24);
        r0 += alongBytes;
        r1 += alongBytes;
        r2 += alongBytes;
        r3 += alongBytes;
        out += 32;
      }
    }
  }
  if (w < width) {
    let from = source + <usize>w * acrossBytes;
    let out = to + (<usize>(w >> 2)) * panel;
    for (let p = 0; p < depth; p++) {
      for (let q = 0; q < 4; q++) {
        store<f64>(out + (<usize>q << 3), w + q < width ? load<f64>(from + <usize>q * acrossBytes) : 0);
      }
      from += alongBytes;
      out += 32;
    }
  }
}

/**
 * The same in panels of six; what remains is a panel of four when it has at most four, of six otherwise. Panel w / 6 begins at
 * w depth doubles either way.
 */
export function packSixes(to: usize, source: usize, width: i32, depth: i32, across: i32, along: i32): void {
  const acrossBytes = <usize>across << 3;
  const alongBytes = <usize>along << 3;
  const panel = <usize>depth * 48;
  let w = 0;
  for (; w + 6 <= width; w += 6) {
    if (across == 1) sixTogether(to, source, depth, alongBytes);
    else sixRows(to, source, depth, acrossBytes, alongBytes);
    source += 6 * acrossBytes;
    to += panel;
  }
  if (width - w <= 4) {
    packFours(to, source, width - w, depth, across, along);
    return;
  }
  for (let p = 0; p < depth; p++) {
    for (let q = 0; q < 6; q++) store<f64>(to + (<usize>q << 3), w + q < width ? load<f64>(source + <usize>q * acrossBytes) : 0);
    source += alongBytes;
    to += 48;
  }
}

function sixTogether(to: usize, from: usize, depth: i32, alongBytes: usize): void {
  for (let p = 0; p < depth; p++) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    v128.store(to, v128.load(from, 32), 32);
    from += alongBytes;
    to += 48;
  }
}

function sixRows(to: usize, from: usize, depth: i32, acrossBytes: usize, alongBytes: usize): void {
  let r0 = from;
  let r1 = r0 + acrossBytes;
  let r2 = r1 + acrossBytes;
  let r3 = r2 + acrossBytes;
  let r4 = r3 + acrossBytes;
  let r5 = r4 + acrossBytes;
  let p = 0;
  if (alongBytes == 8) {
    for (; p + 2 <= depth; p += 2) {
      const x0 = v128.load(r0);
      const x1 = v128.load(r1);
      const x2 = v128.load(r2);
      const x3 = v128.load(r3);
      const x4 = v128.load(r4);
      const x5 = v128.load(r5);
      v128.store(to, v128.shuffle<f64>(x0, x1, 0, 2));
      v128.store(to, v128.shuffle<f64>(x2, x3, 0, 2), 16);
      v128.store(to, v128.shuffle<f64>(x4, x5, 0, 2), 32);
      v128.store(to, v128.shuffle<f64>(x0, x1, 1, 3), 48);
      v128.store(to, v128.shuffle<f64>(x2, x3, 1, 3), 64);
      v128.store(to, v128.shuffle<f64>(x4, x5, 1, 3), 80);
      r0 += 16;
      r1 += 16;
      r2 += 16;
      r3 += 16;
      r4 += 16;
      r5 += 16;
      to += 96;
    }
  }
  for (; p < depth; p++) {
    store<f64>(to, load<f64>(r0));
    store<f64>(to, load<f64>(r1), 8);
    store<f64>(to, load<f64>(r2), 16);
    store<f64>(to, load<f64>(r3), 24);
    store<f64>(to, load<f64>(r4), 32);
    store<f64>(to, load<f64>(r5), 40);
    r0 += alongBytes;
    r1 += alongBytes;
    r2 += alongBytes;
    r3 += alongBytes;
    r4 += alongBytes;
    r5 += alongBytes;
    to += 48;
  }
}

/** How the classes look: a colour of Okabe and Ito's palette, and a dash, so that colour is not the only sign. */

const SHAPES = {
  cube: { colour: "#e69f00", dash: [] },
  quasi_sphere: { colour: "#56b4e9", dash: [5, 3] },
};
const OTHERS = [
  { colour: "#009e73", dash: [1.5, 2.5] },
  { colour: "#cc79a7", dash: [8, 3, 1.5, 3] },
  { colour: "#f0e442", dash: [10, 4] },
  { colour: "#d55e00", dash: [3, 6] },
];

/** @returns {{colour: string, dash: number[]}} */
export function lookOf(name, index = 0) {
  return SHAPES[name] ?? OTHERS[index % OTHERS.length];
}

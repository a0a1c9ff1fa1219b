/** @file The mean chest of the phantom: outlines in image widths around the middle of the image, x to the right and y down. */

import type { Point } from './phantom-raster.js';

/** Half the width of the rib cage (second) at heights from the top of the lungs down (first). */
export const WALL = points([
  -0.44, 0.105, -0.41, 0.175, -0.37, 0.222, -0.3, 0.27, -0.2, 0.312, -0.1, 0.343, 0, 0.367, 0.1, 0.386, 0.2,
  0.4, 0.3, 0.41, 0.42, 0.412, 0.6, 0.4,
]);

/** Half of the body's outline; the other half is its mirror image. */
export const BODY = points([
  0.115, -0.75, 0.118, -0.56, 0.14, -0.485, 0.2, -0.45, 0.31, -0.425, 0.42, -0.395, 0.5, -0.34, 0.64, -0.26,
  0.85, -0.1, 0.9, 0.2, 0.7, 0.25, 0.58, 0.16, 0.5, 0.075, 0.462, 0.045, 0.455, 0.1, 0.466, 0.22, 0.47, 0.36,
  0.466, 0.55, 0.46, 0.75,
]);

/** The space of the lung on the image's right; below, the diaphragm cuts it off. */
export const LUNG = points([
  0.125, -0.428, 0.185, -0.398, 0.255, -0.315, 0.3, -0.205, 0.334, -0.08, 0.362, 0.05, 0.384, 0.18, 0.399,
  0.29, 0.405, 0.39, 0.35, 0.44, 0.2, 0.44, 0.06, 0.43, 0.036, 0.3, 0.034, 0.1, 0.036, -0.1, 0.042, -0.25,
  0.07, -0.39,
]);

/** Upper edge of the diaphragm and what lies below, from the image's left to its right. */
export const DIAPHRAGM = points([
  -0.7, 0.7, -0.46, 0.47, -0.412, 0.375, -0.365, 0.3, -0.28, 0.252, -0.19, 0.245, -0.1, 0.265, -0.03, 0.3,
  0.05, 0.31, 0.13, 0.286, 0.22, 0.272, 0.3, 0.284, 0.37, 0.325, 0.415, 0.395, 0.46, 0.48, 0.7, 0.7,
]);

/** Heart, great vessels and the tissue between the lungs, from the top down the image's left side and up its right. */
export const MEDIASTINUM = points([
  -0.02, -0.5, -0.042, -0.4, -0.055, -0.31, -0.066, -0.2, -0.064, -0.1, -0.073, -0.02, -0.094, 0.07, -0.102,
  0.16, -0.09, 0.25, -0.06, 0.34, 0.06, 0.38, 0.17, 0.355, 0.222, 0.31, 0.234, 0.24, 0.213, 0.16, 0.168,
  0.085, 0.116, 0.02, 0.09, -0.05, 0.084, -0.1, 0.072, -0.145, 0.082, -0.19, 0.078, -0.23, 0.052, -0.275,
  0.042, -0.4, 0.02, -0.5,
]);

/** From the breastbone outwards. */
export const CLAVICLE = points([
  0.03, -0.296, 0.075, -0.302, 0.13, -0.305, 0.2, -0.335, 0.27, -0.373, 0.34, -0.392, 0.395, -0.383,
]);

/** Outline of the shoulder blade. */
export const SCAPULA = points([
  0.315, -0.335, 0.37, -0.335, 0.425, -0.325, 0.43, -0.27, 0.415, -0.235, 0.4, -0.15, 0.375, -0.05, 0.362, 0,
  0.348, -0.01, 0.333, -0.1, 0.32, -0.2, 0.308, -0.28,
]);

export const SCAPULA_OUTER_EDGE = points([0.424, -0.25, 0.405, -0.16, 0.378, -0.06, 0.36, -0.002]);

export const SCAPULA_INNER_EDGE = points([0.36, 0, 0.336, -0.1, 0.321, -0.2, 0.308, -0.29, 0.316, -0.335]);

export const SCAPULA_SPINE = points([0.316, -0.31, 0.36, -0.345, 0.41, -0.372, 0.452, -0.365]);

export const CORACOID = points([0.352, -0.325, 0.368, -0.3, 0.385, -0.305]);

/** From the head down the arm. */
export const HUMERUS = points([0.462, -0.285, 0.476, -0.262, 0.496, -0.2, 0.52, -0.1, 0.55, 0.02, 0.59, 0.2]);

export const STERNUM = points([0, -0.3, 0, -0.22, 0, 0.12]);

/** x, y, x, y … → points. */
function points(flat: readonly number[]): readonly Point[] {
  return Array.from({ length: flat.length / 2 }, (_, i): Point => [flat[2 * i]!, flat[2 * i + 1]!]);
}

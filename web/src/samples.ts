/** A picture that the page offers, one of each class. */
export interface Sample {
  /** Its name in the page. */
  readonly file: string;
  /** Where it lies in the repository. */
  readonly source: string;
  /** What a screen reader says of it; the data set's own label. */
  readonly name: string;
}

const photo = ({ file, name }: Omit<Sample, "source">): Sample => ({
  file,
  source: `samples/${file}`,
  name,
});

const digit = (_: unknown, value: number): Sample => ({
  file: `digit-${value}.png`,
  source: `samples-digits/0${value}-${value}-0.png`,
  name: String(value),
});

/** In the order of the classes. The build copies them. */
export const PHOTOS: readonly Sample[] = [
  { file: "00-airplane-1.png", name: "airplane" },
  { file: "01-automobile-1.png", name: "automobile" },
  { file: "02-bird-3.png", name: "bird" },
  { file: "03-cat-0.png", name: "cat" },
  { file: "04-deer-3.png", name: "deer" },
  { file: "05-dog-1.png", name: "dog" },
  { file: "06-frog-3.png", name: "frog" },
  { file: "07-horse-1.png", name: "horse" },
  { file: "08-ship-0.png", name: "ship" },
  { file: "09-truck-2.png", name: "truck" },
].map(photo);

export const DIGITS: readonly Sample[] = Array.from({ length: 10 }, digit);

export const SAMPLES: readonly Sample[] = [...PHOTOS, ...DIGITS];

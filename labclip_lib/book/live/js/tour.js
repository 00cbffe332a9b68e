// The cards of a guided tour through the playground: what each says, what it points at, and what it does first.
export const CARDS = [
  {
    text: "A picture, and captions of it. The first is true. In the second the colours are swapped: the same words.",
    at: ".lc-results tbody", act: play => play.begin(),
  },
  {
    text: "CLIP turns picture and caption into lists of numbers and takes their cosine. The caption with the largest is " +
      "its choice. Here it prefers the swapped one.",
    at: ".lc-results table",
  },
  {
    text: "Now the colours of the picture are swapped, so the other caption is true. Does CLIP change its mind? For most " +
      "scenes it does not: it prefers one of the two captions, whatever the picture.",
    at: ".lc-verdict", act: play => play.stage.swapColors(),
  },
  {
    text: "A colour or a shape that is not in the picture costs far more. CLIP knows what is there.",
    at: ".lc-results tbody", act: play => play.begin(),
  },
  {
    text: "And the picture's numbers do tell which colour goes with which shape: a simple classifier reads it from them.",
    at: ".lc-reads",
  },
  {
    text: "So do the caption's numbers. Each side knows; the cosine of the two does not use it.",
    at: ".lc-reads ~ .lc-reads",
  },
  {
    text: "LABCLIP puts one matrix on the captions, and changes nothing else. On the left the slider is CLIP, on the right " +
      "LABCLIP. Move it, and watch the second column.",
    at: ".lc-mix", act: play => play.mix(0.5),
  },
  {
    text: "The matrix was fitted to captions in one order. Turned round, they are as true as before. In this scene LABCLIP may " +
      "still be right. Over many scenes it then chooses little better than a coin, as chapter 5 counts.",
    at: ".lc-verdict", act: play => { play.mix(1); play.turn(true); },
  },
  {
    text: "It was fitted to two objects. Here are three. One scene says little: over many of three objects a matrix from two " +
      "does not do much, as chapter 5 says.",
    at: ".lc-scene", act: play => { play.turn(false); play.third(); },
  },
  {
    text: "And it fails on some scenes of two. Look for one. How often that happens is counted in chapter 5.",
    at: ".lc-finds", act: play => play.begin(),
  },
];

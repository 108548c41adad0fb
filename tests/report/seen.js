// What is to be seen of a page that is open: asked for by test_browser.py.
() => {
  const opaque = (color) => {
    const values = color.match(/[\d.]+/g).map(Number);
    return values.length > 3 && values[3] < 1 ? null : values.slice(0, 3);
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = opaque(getComputedStyle(each).backgroundColor);
      if (color) return color;
    }
    return [255, 255, 255];
  };
  const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) =>
    0.2126 * linear(red / 255) + 0.7152 * linear(green / 255) + 0.0722 * linear(blue / 255);
  const contrast = (element) => {
    const [low, high] = [luminance(opaque(getComputedStyle(element).color)), luminance(behind(element))].sort(
      (a, b) => a - b,
    );
    return (high + 0.05) / (low + 0.05);
  };
  const named = (element) => `${element.tagName} ${element.className} ${element.textContent.trim().slice(0, 40)}`;
  const isWithin = (box, frame) =>
    box.left >= frame.left - 1 && box.right <= frame.right + 1 && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
  const overlap = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;

  const elements = [...document.querySelectorAll("body *")].filter((each) => !each.closest("svg"));
  const written = elements.filter((each) => [...each.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
  const figure = (svg) => {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter((each) => each.checkVisibility());
    const labels = texts.map((each) => [each.textContent, each.getBoundingClientRect()]);
    const shapes = [...svg.querySelectorAll("rect, circle, line, polyline, polygon, path")];
    return {
      name: svg.getAttribute("aria-label") ?? svg.getAttribute("aria-labelledby").split("-title")[0],
      width: frame.width,
      height: frame.height,
      // shapes that take up room
      shapes: shapes.map((each) => each.getBoundingClientRect()).filter((box) => box.width + box.height > 0).length,
      // pixels of the smallest letters
      letters: Math.min(...texts.map((e) => parseFloat(getComputedStyle(e).fontSize) * svg.getScreenCTM().a)),
      // labels that are cut off, and those that lie upon another
      cut: labels.filter(([, box]) => !isWithin(box, frame)).map(([text]) => text),
      upon: labels.flatMap(([text, box], i) =>
        labels.slice(i + 1).filter(([, other]) => overlap(box, other)).map(([below]) => [text, below]),
      ),
    };
  };
  return {
    width: document.documentElement.scrollWidth,
    background: behind(document.body),
    // what reaches beyond the window, but for what scrolls in a box of its own
    outside: elements
      .filter((each) => !each.parentElement.closest(".scroll"))
      .filter((each) => each.getBoundingClientRect().left < 0 || each.getBoundingClientRect().right > innerWidth + 0.5)
      .map(named),
    // boxes that have to be scrolled
    scrolled: [...document.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth + 1).map(named),
    texts: written.map((each) => ({ text: named(each), contrast: contrast(each) })),
    // what means something by its colour alone
    printed: [...document.querySelectorAll(".key, .verdict")].map((each) => getComputedStyle(each).printColorAdjust),
    // of each picture that which the page shows at its width
    figures: [...document.querySelectorAll("svg.picture, svg.spreads")].filter((e) => e.checkVisibility()).map(figure),
  };
};

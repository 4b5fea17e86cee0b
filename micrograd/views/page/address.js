// The address: `#step=5&x=2.1`, so that a link opens this step with these numbers.
let remembering = 0;
const RARELY = 400; // milliseconds: Safari refuses more than 100 changes in half a minute

// The names of the leaves in it, each once: of several leaves of one name, all but the first have a number added.
const addressed = new Map();
for (const leaf of leaves) {
  let name = leaf.name;
  while (name === "step" || addressed.has(name)) name += `.${leaf.index}`;
  addressed.set(name, leaf);
}

function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const said = new URLSearchParams();
    if (position) said.set("step", position);
    for (const [name, { data, recorded }] of addressed) if (!Object.is(data, recorded)) said.set(name, full(data));
    try {
      history.replaceState(null, "", said.size ? `#${said}` : location.pathname + location.search);
    } catch {
      // a page inside another page may not change its address
    }
  }, RARELY);
}

function recall() {
  const said = new URLSearchParams(location.hash.slice(1)), numbers = new Map(), step = said.get("step") ?? "";
  for (const [name, text] of said) {
    if (addressed.has(name) && typed(text) !== null) numbers.set(addressed.get(name), typed(text));
  }
  setLeaves(numbers, true);
  show(/^\d+$/.test(step) ? Number(step) : 0);
  tellChange();
}

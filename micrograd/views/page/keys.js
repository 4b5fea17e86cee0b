// The keys. Space always plays; other keys belong to a focused control that has a use for them.
const KEYS = {
  Home: ACTIONS.first, ArrowLeft: ACTIONS.previous, ArrowRight: ACTIONS.next, End: ACTIONS.last, " ": ACTIONS.play,
  n: () => go(nextNode(position)), p: () => go(previousNode(position)), m: () => go(nextMerge(position), true),
  ".": () => go(position + 1, true), ",": () => go(position - 1), f: ACTIONS.whole,
  Escape: () => guiding() ? endGuide() : closeFrame(),
};
const ONCE = [" ", "f", "Enter"], OF_A_SLIDER = ["n", "p", "m", "f", " ", "Escape"];

function onKey(event) {
  const { key, target } = event, control = target.closest?.("[role=button]");
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (target.type === "text" && key !== "Escape") return;
  if (target.type === "range" && target.id !== "scrubber" && !OF_A_SLIDER.includes(key)) return;
  const press = () => control.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const action = key === "Enter" && control ? press : Object.hasOwn(KEYS, key) && KEYS[key];
  if (!action) return;
  event.preventDefault();
  // a key that is held down steps on, but does not switch on and off
  if (!event.repeat || !ONCE.includes(key)) action();
}

// A button that has the focus would be pressed when space goes up.
function onKeyUp(event) {
  if (event.key === " " && event.target.tagName === "BUTTON") event.preventDefault();
}

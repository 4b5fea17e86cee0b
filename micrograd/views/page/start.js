// The page comes to life.
makeInputs();
openLayout(0);
Object.entries(ACTIONS).forEach(([id, action]) => byId(id).addEventListener("click", action));
byId("scrubber").addEventListener("input", (event) => go(event.target.valueAsNumber));
byId("guide-me").addEventListener("click", () => guiding() ? endGuide() : startGuide());
byId("unpin").addEventListener("click", () => { pinned = null; show(position); });
document.addEventListener("keydown", onKey);
// a button that has the focus would be pressed when space goes up
document.addEventListener("keyup", (event) => { if (event.key === " " && event.target.tagName === "BUTTON") event.preventDefault(); });
addEventListener("hashchange", recall);
new ResizeObserver(() => look(aim(position), false)).observe(stage);
dragPicture();
byId("forward").style.flexGrow = forward;
byId("backward").style.flexGrow = steps.length;
byId("scrubber").max = last;
recall();
tellChange();

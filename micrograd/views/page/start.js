// The page comes to life.
makeInputs();
openLayout(0);
for (const [id, action] of Object.entries(ACTIONS)) listen(byId(id), "click", action);
listen(byId("scrubber"), "input", (event) => go(event.target.valueAsNumber));
listen(byId("guide-me"), "click", () => guiding() ? endGuide() : startGuide());
listen(byId("unpin"), "click", () => pin(null));
listen(document, "keydown", onKey);
listen(document, "keyup", onKeyUp);
listen(window, "hashchange", recall);
new ResizeObserver(() => look(aim(position), false)).observe(stage);
movePicture();
byId("forward").style.flexGrow = forward;
byId("backward").style.flexGrow = steps.length;
byId("scrubber").max = last;
recall();

// Every run's list, and which run is shown.

const panels = data.runs.map((run, index) => document.getElementById(`run${index}`));
for (const [index, run] of data.runs.entries()) openRun(run, panels[index]);

const runTabs = panels.map((panel) => document.getElementById(`${panel.id}-tab`)).filter(Boolean);

function chooseRun(chosen) {
  select(runTabs, chosen);
  for (const panel of panels) panel.hidden = panel.id !== chosen.getAttribute("aria-controls");
}

openTabs(runTabs, chooseRun);
const opened = runTabs.find((tab) => "newest" in tab.dataset);
if (opened) chooseRun(opened);

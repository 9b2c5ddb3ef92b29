"use strict";
{
  const { actions, units, paired, episodes } = JSON.parse(document.getElementById("episodes").textContent);
  const [picture, play, slider, time, apart, differs, rows, bars] = [
    "picture", "play", "step", "time", "apart", "differs", "rows", "actions",
  ].map((id) => document.getElementById(id));
  const longest = Math.max(...episodes.map((episode) => episode.done.length));
  const pause = Math.min(400, Math.max(40, 12000 / longest)); // milliseconds a step
  let chosen = 0;
  let timer = null;

  const element = (name, classes = "", text = "") =>
    Object.assign(document.createElement(name), { className: classes, textContent: text });

  const colour = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  };

  // h of a unit in a step; in the last one, if the episode was over by then.
  const value = (episode, t, unit) =>
    episode.memory.charCodeAt(Math.min(t, episode.done.length - 1) * units + unit) / 127.5 - 1;

  function mean(t, unit) {
    const sum = episodes.reduce((total, episode) => total + value(episode, t, unit), 0);
    return sum / episodes.length;
  }

  // One canvas pixel a unit and step; what lies ahead of the step shown is faint.
  function paint(episode, step) {
    const [low, middle, high] = ["--low", "--middle", "--high"].map(colour);
    const context = episode.canvas.getContext("2d");
    const image = context.createImageData(longest, units);
    episode.done.forEach((_, t) => {
      for (let unit = 0; unit < units; unit++) {
        const drawn = value(episode, t, unit) - (differs.checked ? mean(t, unit) : 0);
        const share = Math.min(1, Math.abs(drawn)) * (t <= step ? 1 : 0.12);
        const end = drawn < 0 ? low : high;
        const rgb = middle.map((from, i) => from + share * (end[i] - from));
        image.data.set([...rgb, 255], 4 * (unit * longest + t));
      }
    });
    context.putImageData(image, 0, 0);
    episode.now.style.left = `${(100 * Math.min(step, longest - 1)) / longest}%`;
    episode.now.style.width = `${100 / longest}%`;
  }

  function show() {
    const episode = episodes[chosen];
    const steps = episode.done.length;
    slider.max = longest;
    const step = Math.min(Number(slider.value), steps);
    picture.src = `data:image/png;base64,${episode.pictures[step]}`;
    picture.alt = episode.texts[step];
    time.textContent = `step ${step} of ${steps}`;
    slider.setAttribute("aria-valuetext", time.textContent);
    [...bars.querySelectorAll("dt")].forEach((name, action) => {
      const share = step < steps ? episode.probabilities[step][action] : 0;
      const picked = step < steps && episode.done[step] === action;
      const [bar, number] = [name.nextSibling, name.nextSibling.nextSibling];
      for (const part of [name, bar, number]) part.classList.toggle("chosen", picked);
      bar.firstChild.firstChild.style.width = `${100 * share}%`;
      number.textContent = step < steps ? `${Math.round(100 * share)} %` : "";
    });
    const gap = episode.apart[Math.min(step, steps - 1)];
    apart.textContent =
      step === steps
        ? `The episode ended ${episode.solved ? "right" : "wrong"}.`
        : paired && gap !== null
          ? `After this step its memory is at least ${gap.toFixed(2)} away from what any other cue would have left.`
          : "";
    episodes.forEach((one) => paint(one, step));
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  function start() {
    if (Number(slider.value) >= episodes[chosen].done.length) slider.value = 0;
    play.textContent = "Pause";
    show();
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) >= episodes[chosen].done.length) stop();
    }, pause);
  }

  actions.forEach((action) => {
    const bar = element("dd");
    bar.append(element("div", "bar"));
    bar.firstChild.append(element("i"));
    bars.append(element("dt", "", action), bar, element("dd", "share"));
  });

  rows.style.setProperty("--height", episodes.length <= 4 ? "128px" : "64px");
  episodes.forEach((episode, k) => {
    episode.memory = atob(episode.memory);
    const row = element("label", "row");
    const name = element("span", "", ` ${episode.name}`);
    const choice = Object.assign(element("input"), {
      type: "radio", name: "episode", value: k, checked: k === 0,
    });
    choice.addEventListener("change", () => { chosen = k; show(); });
    name.prepend(choice);
    const map = element("span", "map");
    episode.canvas = Object.assign(element("canvas"), { width: longest, height: units });
    episode.now = element("span", "now");
    map.append(episode.canvas, episode.now);
    map.addEventListener("click", (event) => {
      const box = map.getBoundingClientRect();
      slider.value = Math.floor((longest * (event.clientX - box.left)) / box.width);
      show();
    });
    const [style, words] = episode.solved ? ["right", "✓ right"] : ["wrong", "✗ wrong"];
    const verdict = element("span", `verdict ${style}`, words);
    row.append(name, map, verdict);
    rows.append(row);
  });

  differs.addEventListener("change", show);
  slider.addEventListener("input", () => { stop(); show(); });
  play.addEventListener("click", () => (timer === null ? start() : stop()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

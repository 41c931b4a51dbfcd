"use strict";

// The phone in the page: SIP over a WebSocket by JsSIP, sound by the browser. Whom it rings for it learns from SIP, as
// a phone on the table does: an order's code. Pages work without it, and it works on every page that has its bar.

(() => {
  const bar = document.getElementById("phone");
  if (!bar) return;

  // That this browser is to be the phone is remembered for it: elsewhere another phone is the extension.
  const WANTED = "desk-phone";
  const SECONDS_REGISTERED = 300;
  const part = (name) => bar.querySelector(`[data-phone="${name}"]`);
  const show = (name, shown) => (part(name).hidden = !shown);
  let agent = null;
  let call = null;
  let letGo = null;
  let ringing = null;
  let deaf = false;
  let failed = false;

  // --- What is told ---

  function tell(state) {
    bar.dataset.state = state;
    part("state").textContent = bar.dataset[state];
    part("who").textContent = call ? call.remote_identity.display_name : "";
    const rings = state === "ringing", talks = state === "talking";
    show("connect", state === "off" || state === "failed");
    show("disconnect", ["ready", "lost", "elsewhere", "deaf"].includes(state));
    show("answer", rings);
    show("end", rings || talks);
    show("mute", talks);
    show("keypad", talks);
    if (rings) ring();
    else quiet();
    if (talks) part("mute").setAttribute("aria-pressed", call.isMuted().audio);
  }

  function idle() {
    if (agent) tell(agent.isRegistered() ? "ready" : "lost");
    else tell(failed ? "failed" : "off");
  }

  // Two tones, as long as it rings: no file, and nothing where the browser wants a click first.
  function ring() {
    if (ringing) return;
    const context = new AudioContext();
    const sound = context.createOscillator(), volume = context.createGain();
    sound.frequency.value = 440;
    volume.gain.value = 0;
    for (let second = 0; second < 90; second += 3) {
      volume.gain.setValueAtTime(0.15, context.currentTime + second);
      volume.gain.setValueAtTime(0, context.currentTime + second + 1);
    }
    sound.connect(volume).connect(context.destination);
    sound.start();
    ringing = context;
  }

  function quiet() {
    ringing?.close();
    ringing = null;
  }

  // --- Calls: one at a time, and none from here: they begin by a click at an order ---

  function take({ originator, session }) {
    if (originator !== "remote" || call) {
      session.terminate({ status_code: 486 });
      return;
    }
    call = session;
    session.on("peerconnection", ({ peerconnection }) => {
      peerconnection.addEventListener("track", (event) => {
        part("sound").srcObject = event.streams[0] ?? new MediaStream([event.track]);
      });
    });
    session.on("accepted", () => tell("talking"));
    session.on("getusermediafailed", () => (deaf = true));
    for (const end of ["ended", "failed"]) session.on(end, over);
    tell("ringing");
  }

  function over() {
    call = null;
    part("sound").srcObject = null;
    part("keypad").open = false;
    if (deaf) tell("deaf");
    else idle();
    deaf = false;
  }

  function answer() {
    call?.answer({ mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } });
  }

  function mute() {
    if (call.isMuted().audio) call.unmute({ audio: true });
    else call.mute({ audio: true });
    part("mute").setAttribute("aria-pressed", call.isMuted().audio);
  }

  // --- Being the phone: in one window of this browser, for two would throw each other off ---

  async function account() {
    const answered = await fetch("/phone/browser", {
      method: "POST",
      headers: { [bar.dataset.tokenHeader]: bar.dataset.token },
    });
    if (!answered.ok) throw new Error("no account");
    return answered.json();
  }

  async function start() {
    const { user, host, password, websocket } = await account();
    agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(websocket)],
      uri: `sip:${user}@${host}`,
      password,
      register_expires: SECONDS_REGISTERED,
      session_timers: false,
      user_agent: "call-bridge desk",
    });
    for (const change of ["registered", "unregistered", "disconnected"]) {
      agent.on(change, () => call || idle());
    }
    agent.on("registrationFailed", ({ response }) => (response ? fail() : call || idle()));
    agent.on("newRTCSession", take);
    agent.start();
  }

  async function connect() {
    localStorage.setItem(WANTED, "on");
    tell("elsewhere");
    await navigator.locks.request(WANTED, async () => {
      if (localStorage.getItem(WANTED) !== "on") return;
      const asked = new Promise((resolve) => (letGo = resolve));
      failed = false;
      tell("lost");
      await start().catch(fail);
      await asked;
      agent?.stop();
      agent = null;
      idle();
    });
  }

  // The password is another by now, or none: nothing that trying again would mend.
  function fail() {
    failed = true;
    letGo();
  }

  function disconnect() {
    localStorage.removeItem(WANTED);
    letGo?.();
    tell("off");
  }

  const ACTS = {
    connect,
    disconnect,
    answer,
    end: () => call?.terminate(),
    mute,
    digit: (button) => call?.sendDTMF(button.value, { transportType: "RFC2833" }),
  };

  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-phone]");
    if (button) ACTS[button.dataset.phone](button);
  });

  // Another page is another phone: whoever leaves in a call is asked.
  addEventListener("beforeunload", (event) => {
    if (call) event.preventDefault();
  });

  tell("off");
  bar.hidden = false;
  if (localStorage.getItem(WANTED) === "on") connect();
})();

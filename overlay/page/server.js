/** Questions to the server of this page. Every fault is an `Error` whose message is one line for the user. */

/** Who is not logged in gets this, and has to. */
export class NotLoggedIn extends Error {}

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  let answer;
  try {
    answer = await fetch(path, { ...options, credentials: "same-origin" });
  } catch {
    throw new Error("The server of this page does not answer.");
  }
  if (!answer.ok) throw await faultOf(answer);
  return answer;
}

async function faultOf(answer) {
  const told = await answer.json().catch(() => ({}));
  const line = typeof told.error === "string" ? told.error : `The server answered ${answer.status} ${answer.statusText}`;
  return answer.status === 401 ? new NotLoggedIn(line) : new Error(line);
}

/** Version, microscopes and rights; throws `NotLoggedIn` where a password is wanted. */
export async function microscopes() {
  const told = await (await ask("/api/microscopes")).json();
  if (told.needs_login) throw new NotLoggedIn("A password is needed.");
  return told;
}

export const login = (password) => ask("/api/login", { password });
export const logout = () => ask("/api/logout", {});

/** What the daemon answered to a verb of docs/control.md. */
export async function control(instance, verb, args = {}) {
  return (await (await ask(`/api/control/${encodeURIComponent(instance)}`, { verb, args })).json()).ok;
}

/** Hand the counts of a session, or of what the journal holds, to the browser as a file. */
export async function download(instance, source, format, session) {
  const query = new URLSearchParams({ to: format, ...(session ? { session } : {}) });
  const answer = await ask(`/api/export/${encodeURIComponent(instance)}/${encodeURIComponent(source)}?${query}`);
  const name = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name ?? `${instance}-${source}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

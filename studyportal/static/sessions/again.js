// Sign-in in place: an upload whose session ended asks for the password and then goes on where it stopped.
const WRONG = 'The password does not match. What has arrived is kept; try again.';

export function signInAgain(dialog) {
  const form = dialog.querySelector('form'), error = dialog.querySelector('.errmsg');
  const password = dialog.querySelector('[type=password]'), second = dialog.querySelector('[data-second]');
  dialog.querySelector('[data-close]').onclick = () => dialog.close();
  dialog.showModal();
  password.focus();
  return new Promise((resolve) => {
    const done = (token) => {
      form.removeEventListener('submit', submit);
      dialog.removeEventListener('close', closed);
      dialog.close();
      resolve(token);
    };
    const closed = () => done(null);
    const submit = async (event) => {
      event.preventDefault();
      error.hidden = true;
      try {
        const { csrf_token: fresh } = await (await fetch(dialog.dataset.again, { headers: { Accept: 'application/json' } })).json();
        const answer = await fetch(dialog.dataset.again, {
          method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRFToken': fresh },
          body: JSON.stringify({ username: password.dataset.username, password: password.value, code: second.querySelector('input').value, study: dialog.dataset.study }),
        });
        if (answer.status === 429 || answer.status === 403) throw new Error('The password was wrong too often. Wait 15 minutes; what has arrived is kept.');
        const said = await answer.json();
        if (answer.ok) { password.value = ''; done(said.csrf_token); return; }
        if (said.needs_code) second.hidden = false;
        error.textContent = said.needs_code ? said.detail : WRONG;
      } catch (trouble) {
        error.textContent = trouble instanceof TypeError || trouble instanceof SyntaxError ? 'Not connected. Try again in a moment.' : trouble.message;
      }
      error.hidden = false;
    };
    form.addEventListener('submit', submit);
    dialog.addEventListener('close', closed);
  });
}

// Copies a new token; without this script it can be selected and copied by hand.
const button = document.querySelector('[data-copy]');
if (button) {
  const field = document.getElementById(button.dataset.copy);
  const said = document.querySelector('[data-copied]');
  button.hidden = false;
  field.focus();
  field.select();
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      said.textContent = 'Copied.';
    } catch {
      field.select();
      said.textContent = 'Select the text and copy it by hand.';
    }
  });
}

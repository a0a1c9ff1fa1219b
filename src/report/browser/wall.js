/** @file Sample pictures open larger. */
/* global document, section */

section('wall', enlargePictures);

/** Pictures open larger; the dialog closes by its button or Escape, and gives the focus back. */
function enlargePictures(element) {
  const dialog = document.getElementById('enlarged');
  for (const button of element.querySelectorAll('button.picture')) {
    button.addEventListener('click', () => {
      const picture = button.querySelector('img');
      const large = dialog.querySelector('img');
      large.src = picture.src;
      large.alt = picture.alt;
      large.className = picture.className;
      dialog.querySelector('p').textContent = picture.alt;
      dialog.showModal();
    });
  }
}

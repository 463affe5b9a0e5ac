/* For the PDF of the whole book: show answers, licences and pictures, start each chapter on a new page,
   and list the chapters on the first one. */
() => {
  document.documentElement.dataset.theme = 'light';
  document.querySelectorAll('.tag_exercise details, details.sd-dropdown').forEach(answer => { answer.open = true; });
  document.querySelectorAll('img[loading]').forEach(image => { image.loading = 'eager'; });
  document.querySelectorAll('.hat-slide').forEach(slide => { slide.style.breakAfter = 'auto'; });
  const list = document.createElement('ol');
  document.querySelectorAll('.bd-article span[id^="document-"]').forEach(place => {
    const chapter = place.nextElementSibling, link = document.createElement('a');
    chapter.style.breakBefore = 'page';
    link.href = '#' + place.id;
    link.textContent = chapter.querySelector('h1, h2, h3').firstChild.textContent;
    list.appendChild(document.createElement('li')).append(link);
  });
  document.querySelector('.bd-article h1').after(list);
  return window.MathJax && window.MathJax.startup.promise;
}

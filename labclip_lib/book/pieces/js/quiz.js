// data: for each question, [is it right, why] of each answer
function piece(root, data) {
  root.querySelectorAll("fieldset").forEach((field, question) => field.addEventListener("change", event => {
    const [right, why] = data[question][+event.target.value];
    tell(field.querySelector("p"), right, `${right ? "Right." : "Not this one."} ${why}`);
  }));
}

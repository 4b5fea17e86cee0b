/* Several results of one call: they share their operands, and go back through the call together. The definition is
   results.py; compiler/several.py says what a call of compiled code gives. */

/* Machine code, and what its call needs, is a tuple. Its first part has addresses, as bytes: for a function, RUN alone.
   The others are numbers in native memory: see native/context.py. program.py and batch.py make these tuples; nothing
   here checks addresses. */
enum { ADDRESSES };
enum { RUN, CONTEXT, RESTART, ASKED, TAKEN, RATE, LOSS };

#define part PyTuple_GET_ITEM
#define address(code, i) ((void **)PyBytes_AS_STRING(part(code, ADDRESSES)))[i]

static int is_code(PyObject *x, Py_ssize_t parts)
{
    return x && PyTuple_CheckExact(x) && PyTuple_GET_SIZE(x) == parts && PyBytes_CheckExact(part(x, ADDRESSES)) &&
           PyBytes_GET_SIZE(part(x, ADDRESSES)) >= (Py_ssize_t)sizeof(void *);
}

/* What the code of a product has: see Program._product_code_of. */
enum { OPERANDS_OF_SUMS = 1, KEPT, OWNER_OF_PRODUCT, PARTS_OF_A_PRODUCT };

typedef struct results {
    PyObject_HEAD
    PyObject *operands; /* the tuple that all results have */
    PyObject *code;     /* NULL until it is compiled: Python then does what follows */
    double *numbers;    /* the operands', the upstream gradients, and what the code writes: results, sums, what it keeps */
    Py_ssize_t count;   /* of the results */
    uint64_t walked;    /* the last search that came to the operands */
    uint64_t swept;     /* the last search whose sweep came here */
    struct node *first; /* of the results in the order of that sweep: the one that it comes to last */
} results;

typedef struct one_of {
    PyObject_HEAD
    PyObject *results;
    Py_ssize_t place;
} one_of;

/* The record that a node shares, or NULL. */
static results *shared(const core *c, const node *v)
{
    PyObject *local = v->locals == OBJECT ? extra_of(v)->local : NULL;
    PyObject *it = local && PyObject_TypeCheck(local, c->OneOf) ? ((one_of *)local)->results : NULL;
    return it && PyObject_TypeCheck(it, c->Results) ? (results *)it : NULL;
}

static Py_ssize_t place_of(const node *v)
{
    return ((one_of *)extra_of(v)->local)->place;
}

/* Whether a node has the operands of its call still: they may be set. */
static int is_whole(const node *v, const results *r)
{
    Py_ssize_t count = r->operands ? PyTuple_GET_SIZE(r->operands) : -1;
    if (v->operands == MANY)
        return extra_of(v)->operands == r->operands;
    for (Py_ssize_t i = 0; i < v->operands && v->operands == count; i++)
        if ((PyObject *)v->operand[i] != PyTuple_GET_ITEM(r->operands, i))
            return 0;
    return v->operands == count;
}

/* Whether C may go back through the call of a node. */
static int has_product(const core *c, const node *v)
{
    results *r = shared(c, v);
    return r && r->code && place_of(v) >= 0 && place_of(v) < r->count && is_whole(v, r);
}

static double *upstream_of(const results *r)
{
    return r->numbers + PyTuple_GET_SIZE(r->operands);
}

/* A sweep is going to come to a result. */
static void expect(const core *c, node *v)
{
    results *r = shared(c, v);
    if (r->swept == c->searches)
        return;
    r->swept = c->searches;
    r->first = v;
    memset(upstream_of(r), 0, r->count * sizeof(double));
}

/* Note a result's gradient and, after the last one of its call, add the product to the operands'. False where numbers
   are not finite. */
static int gather(const core *c, const node *v)
{
    results *r = shared(c, v);
    double *upstream = upstream_of(r), *written = upstream + r->count, sum = 0.0;
    upstream[place_of(v)] += v->grad;
    if (r->first != v)
        return 1;
    PyObject *it = r->code;
    const int64_t *operand = (int64_t *)PyBytes_AS_STRING(part(it, OPERANDS_OF_SUMS));
    Py_ssize_t sums = PyBytes_GET_SIZE(part(it, OPERANDS_OF_SUMS)) / (Py_ssize_t)sizeof(int64_t);
    ((void (*)(double *))address(it, RUN))(r->numbers);
    for (Py_ssize_t i = 0; i < r->count + sums; i++)
        sum += written[i];
    if (!isfinite(sum))
        return 0;
    for (Py_ssize_t i = 0; i < sums; i++)
        ((node *)PyTuple_GET_ITEM(r->operands, operand[i]))->grad += written[r->count + i];
    return 1;
}

/* prepare(code, numbers, count): for backward in C, with the numbers of the operands in a list. Where one is not a float,
   Python goes back. */
static PyObject *results_prepare(results *r, PyObject *args)
{
    PyObject *code, *numbers;
    Py_ssize_t count, given = r->operands ? PyTuple_GET_SIZE(r->operands) : -1;
    core *c = core_of(Py_TYPE(r));
    if (!c || !PyArg_ParseTuple(args, "OO!n", &code, &PyList_Type, &numbers, &count))
        return NULL;
    int fits = !r->code && 0 <= count && count < PY_SSIZE_T_MAX / 64 && PyList_GET_SIZE(numbers) == given &&
               is_code(code, PARTS_OF_A_PRODUCT) && PyBytes_CheckExact(part(code, OPERANDS_OF_SUMS));
    for (Py_ssize_t i = 0; i < given && fits; i++)
        fits = is_node(c, PyTuple_GET_ITEM(r->operands, i)) && PyFloat_CheckExact(PyList_GET_ITEM(numbers, i));
    if (!fits)
        Py_RETURN_FALSE;
    Py_ssize_t sums = PyBytes_GET_SIZE(part(code, OPERANDS_OF_SUMS)) / (Py_ssize_t)sizeof(int64_t);
    Py_ssize_t kept = PyLong_AsSsize_t(part(code, KEPT));
    if (kept < 0)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "room for %zd numbers", kept);
    if (!(r->numbers = PyMem_New(double, given + 2 * count + sums + kept)))
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < given; i++)
        r->numbers[i] = PyFloat_AS_DOUBLE(PyList_GET_ITEM(numbers, i));
    r->count = count;
    r->code = Py_NewRef(code);
    Py_RETURN_TRUE;
}

/* sibling(result, number, operation, local): another result of the same call. It has the same operands, which need not be
   looked at again. */
static PyObject *core_sibling(PyObject *module, PyObject *args)
{
    core *c = PyModule_GetState(module);
    PyObject *result, *operation, *local;
    double number;
    if (!PyArg_ParseTuple(args, "OdOO", &result, &number, &operation, &local))
        return NULL;
    if (!is_node(c, result))
        return PyErr_Format(PyExc_TypeError, "this is not a Value: %R", result);
    const node *first = (node *)result;
    node *v = new_node(c, operation, number);
    if (!v)
        return NULL;
    PyObject_GC_Track(v);
    if (!with_extra(v)) {
        Py_DECREF(v);
        return NULL;
    }
    extra_of(v)->local = Py_NewRef(local);
    v->locals = OBJECT;
    if (first->operands == MANY)
        extra_of(v)->operands = Py_NewRef(extra_of(first)->operands);
    for (int i = 0; i < first->operands && first->operands != MANY; i++)
        v->operand[i] = (node *)Py_NewRef(first->operand[i]);
    v->operands = first->operands;
    return (PyObject *)v;
}

/* ---------------------------------------------------------------- the two types */

static int results_init(results *r, PyObject *args, PyObject *options)
{
    PyObject *operands;
    if (!PyArg_ParseTuple(args, "O!", &PyTuple_Type, &operands))
        return -1;
    if (!r->operands)
        r->operands = Py_NewRef(operands);
    return 0;
}

static int results_traverse(results *r, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(r));
    Py_VISIT(r->operands);
    Py_VISIT(r->code);
    return 0;
}

static int results_clear(results *r)
{
    Py_CLEAR(r->code); /* without it nothing else is read */
    Py_CLEAR(r->operands);
    return 0;
}

static void results_dealloc(results *r)
{
    PyTypeObject *type = Py_TYPE(r);
    PyObject_GC_UnTrack(r);
    results_clear(r);
    PyMem_Free(r->numbers);
    type->tp_free(r);
    Py_DECREF(type);
}

static int one_of_init(one_of *it, PyObject *args, PyObject *options)
{
    PyObject *results;
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "On", &results, &place))
        return -1;
    it->place = place;
    Py_XSETREF(it->results, Py_NewRef(results));
    return 0;
}

static int one_of_traverse(one_of *it, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(it));
    Py_VISIT(it->results);
    return 0;
}

static int one_of_clear(one_of *it)
{
    Py_CLEAR(it->results);
    return 0;
}

static void one_of_dealloc(one_of *it)
{
    PyTypeObject *type = Py_TYPE(it);
    PyObject_GC_UnTrack(it);
    one_of_clear(it);
    type->tp_free(it);
    Py_DECREF(type);
}

static PyMemberDef results_members[] = {
    {"operands", T_OBJECT_EX, offsetof(results, operands), READONLY, NULL}, {NULL, 0, 0, 0, NULL}};

static PyMemberDef one_of_members[] = {
    {"results", T_OBJECT_EX, offsetof(one_of, results), READONLY, NULL},
    {"place", T_PYSSIZET, offsetof(one_of, place), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyMethodDef results_methods[] = {
    {"prepare", (PyCFunction)results_prepare, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
